// Ops that the target has no kernel for become plainer ones.
#include <utility>

#include "passes/expansion.h"
#include "passes/pass.h"

namespace lasso::passes {

namespace {

class Decomposition {
 public:
  Decomposition(graph::Graph graph, const PassContext& context)
      : graph_(std::move(graph)), context_(context) {}

  graph::Graph run() {
    const std::vector<graph::Node> nodes = std::exchange(graph_.nodes, {});
    for (const graph::Node& node : nodes) lower(node);
    return std::move(graph_);
  }

 private:
  // Ends: an expansion consists of plainer ops, down to ones that have none.
  void lower(const graph::Node& node) {
    if (!context_.has_kernel(graph_, node)) {
      Expansion expansion(graph_, node);
      const Expanded results = std::visit(
          [&](const auto& op) -> Expanded {
            if constexpr (requires { expand(op, expansion); }) {
              return expand(op, expansion);
            } else {
              return {};
            }
          },
          node.op);
      if (!results.empty()) {
        for (const graph::Node& plainer : expansion.finish(results)) lower(plainer);
        return;
      }
    }
    graph_.nodes.push_back(node);
  }

  graph::Graph graph_;
  const PassContext& context_;
};

}  // namespace

graph::Graph decompose(graph::Graph graph, const PassContext& context) {
  if (!context.has_kernel) return graph;
  return Decomposition(std::move(graph), context).run();
}

}  // namespace lasso::passes
