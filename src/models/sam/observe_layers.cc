#include "models/sam/observe_layers.h"

#include <variant>

#include "core/check.h"

namespace lasso::sam {

namespace {

// The value whose memory a value is: reshapes are no steps, and nobody reports them.
graph::ValueId origin(const graph::Graph& graph, graph::ValueId id) {
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    if (node->outputs.front() == id && std::holds_alternative<graph::Reshape>(node->op)) {
      id = node->inputs.front();
    }
  }
  return id;
}

}  // namespace

std::map<std::string, LinearLayer> linear_layers(const engine::CompiledProgram& program) {
  const graph::Graph& graph = program.graph;
  std::map<std::string, LinearLayer> layers;
  for (const graph::Node& node : graph.nodes) {
    if (!std::holds_alternative<graph::Linear>(node.op)) continue;
    const graph::Value& weights = graph.value(node.inputs[1]);
    if (!weights.constant) continue;
    layers[weights.name] = {graph.value(origin(graph, node.inputs[0])).name,
                            weights.constant->dims[1], graph::flops(graph, node, graph.typical)};
  }
  return layers;
}

LayerObserver::LayerObserver(engine::Session& session, const std::string& program,
                             const std::vector<std::string>& layers, std::int64_t rows_per_image)
    : session_(session) {
  const auto all = linear_layers(session.module().programs[session.program(program)]);
  for (const std::string& name : layers) {
    const LinearLayer& layer = all.at(name);
    readers_[layer.input].push_back(inputs_.size());
    inputs_.emplace_back(layer.channels, rows_per_image);
  }
  session_.set_trace([this, program](const std::string& from, const std::string& value,
                                     const Dims& dims, const float* data, double /*ms*/) {
    const auto found = readers_.find(value);
    if (from != program || found == readers_.end() || data == nullptr) return;
    for (const std::size_t i : found->second) {
      inputs_[i].add(data, element_count(dims) / inputs_[i].channels());
    }
  });
}

LayerObserver::~LayerObserver() { session_.set_trace({}); }

}  // namespace lasso::sam
