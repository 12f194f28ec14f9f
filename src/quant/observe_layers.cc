#include "quant/observe_layers.h"

#include <optional>
#include <variant>

#include "core/check.h"

namespace lasso::quant {

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

// Adds what a node multiplies.
void add_inputs(const graph::Graph& program, const graph::Node& node, const graph::Bindings& sizes,
                ProductLayer& layer) {
  const auto add = [&](graph::ValueId id, std::int64_t first, std::int64_t count) {
    layer.inputs.push_back({program.value(origin(program, id)).name, first, count});
  };
  constexpr std::size_t kJoined = graph::Conv2d::kFirstJoined;
  if (!std::holds_alternative<graph::Conv2d>(node.op) || node.inputs.size() <= kJoined) {
    add(node.inputs[0], 0, layer.channels);
    return;
  }
  std::vector<graph::ValueId> images{node.inputs[0]};
  images.insert(images.end(), node.inputs.begin() + kJoined, node.inputs.end());
  std::int64_t first = 0;
  for (const graph::ValueId id : images) {
    const std::int64_t count = program.value(id).shape.back().evaluate(sizes);
    add(id, first, count);
    first += count;
  }
}

[[noreturn]] void fail_unknown(const std::string& layer) {
  fail(ErrorCode::kInternal, "\"{}\" are the weights of no linear layer or convolution", layer);
}

}  // namespace

std::map<std::string, ProductLayer> product_layers(const graph::Graph& program) {
  const graph::Bindings sizes = graph::typical_sizes(program);
  std::map<std::string, ProductLayer> layers;
  for (const graph::Node& node : program.nodes) {
    const auto* conv = std::get_if<graph::Conv2d>(&node.op);
    if (conv == nullptr && !std::holds_alternative<graph::Linear>(node.op)) continue;
    const graph::Value& weights = program.value(node.inputs[1]);
    if (!weights.constant) continue;
    ProductLayer& layer = layers[weights.name];
    layer.channels = weights.constant->dims[1] * (conv == nullptr ? 1 : conv->groups);
    add_inputs(program, node, sizes, layer);
    layer.flops += graph::flops(program, node, sizes);
  }
  return layers;
}

std::vector<double> shares_of_work(const graph::Graph& program,
                                   const std::vector<std::string>& layers) {
  const auto all = product_layers(program);
  double flops = 0;
  for (const auto& [name, layer] : all) flops += layer.flops;
  std::vector<double> shares;
  for (const std::string& name : layers) {
    const auto found = all.find(name);
    if (found == all.end()) fail_unknown(name);
    shares.push_back(found->second.flops / flops);
  }
  return shares;
}

LayerObserver::LayerObserver(const std::vector<const graph::Graph*>& programs,
                             const std::vector<std::string>& layers, std::int64_t rows_per_run) {
  std::vector<std::optional<std::int64_t>> channels(layers.size());
  for (const graph::Graph* program : programs) {
    const auto all = product_layers(*program);
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const auto found = all.find(layers[i]);
      if (found == all.end()) continue;
      channels[i] = found->second.channels;
      for (const ProductLayer::Input& input : found->second.inputs) {
        readers_[{program->name, input.name}].push_back({i, input});
      }
    }
  }
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (!channels[i]) fail_unknown(layers[i]);
    inputs_.emplace_back(*channels[i], rows_per_run);
  }
}

void LayerObserver::add(const std::string& program, const std::string& value, const Dims& dims,
                        const float* data) {
  const auto found = readers_.find({program, value});
  if (found == readers_.end() || data == nullptr) return;
  for (const auto& [layer, input] : found->second) {
    inputs_[layer].add_channels(data, element_count(dims) / input.count, input.first, input.count);
  }
}

}  // namespace lasso::quant
