#include "models/onnx/clean/clean.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "models/onnx/clean/clean_graph.h"
#include "models/onnx/import/node_context.h"

namespace lasso::onnx {

namespace {

// What joining nodes adds is small: shapes.
constexpr std::size_t kShapeBytes = 1024;

}  // namespace

CleanModel clean(OnnxModel model) {
  CleanModel result;
  result.nodes_before = static_cast<int>(model.graph.nodes.size());
  std::set<std::string> unknown;
  for (const OnnxNode& node : model.graph.nodes) {
    if (find_operator(node.domain, node.op_type) != nullptr) continue;
    unknown.insert(node.domain.empty() ? node.op_type : node.domain + "." + node.op_type);
  }
  result.unknown.assign(unknown.begin(), unknown.end());
  {
    CleanGraph graph(model);
    fold_constants(graph);
    fold_shapes(graph);
    graph.remove_dead();
    share_initializers(graph, std::numeric_limits<std::size_t>::max());
    bool changed = true;
    while (changed) {
      changed = remove_nodes_that_do_nothing(graph);
      changed = remove_duplicates(graph) || changed;
      graph.remove_dead();
      changed = join_nodes(graph) || changed;
      graph.remove_dead();
      changed = join_biases(graph) || changed;
      graph.remove_dead();
      share_initializers(graph, kShapeBytes);
    }
    graph.remove_dead();
  }
  std::set<std::string> values;
  for (const OnnxNode& node : model.graph.nodes) {
    values.insert(node.outputs.begin(), node.outputs.end());
  }
  auto& infos = model.graph.value_infos;
  infos.erase(std::remove_if(infos.begin(), infos.end(),
                             [&](const OnnxValueInfo& info) {
                               return values.count(info.name) == 0 ||
                                      info.kind != OnnxKind::kTensor;
                             }),
              infos.end());
  result.model = std::move(model);
  return result;
}

}  // namespace lasso::onnx
