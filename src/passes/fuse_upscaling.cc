// Products with the pixels of an upscaled image become one node with its making, so that a GPU
// never stores the image.
#include <utility>

#include "passes/pass.h"
#include "passes/producers.h"

namespace lasso::passes {

using graph::ConvTranspose2d;
using graph::Graph;
using graph::Node;
using graph::Shape;
using graph::ValueId;

namespace {

// The node that makes a value which nothing else reads; null for inputs, constants and others.
const Node* only_maker(const Graph& graph, const std::vector<std::size_t>& producer,
                       const std::vector<std::int32_t>& uses, ValueId id) {
  const auto i = static_cast<std::size_t>(id);
  return producer[i] == kNoNode || uses[i] != 1 ? nullptr : &graph.nodes[producer[i]];
}

// A [B, M, N] by the pixels [B, H W, N] of an image [B, H, W, N].
bool is_product_of_pixels(const Shape& a, const Shape& pixels, const Shape& image) {
  return a.size() == 3 && image.size() == 4 &&
         pixels == Shape{image[0], image[1] * image[2], image[3]} && a[0] == image[0] &&
         a[2] == image[3];
}

}  // namespace

Graph fuse_upscaling(Graph graph, const PassContext& context) {
  if (context.target.kind != backend::DeviceKind::kCuda) return graph;
  const std::vector<std::int32_t> uses = graph::use_counts(graph);
  const std::vector<std::size_t> producer = producers(graph);
  for (Node& node : graph.nodes) {
    const auto* product = std::get_if<graph::MatMul>(&node.op);
    if (product == nullptr || *product != graph::MatMul{}) continue;
    const Node* reshape = only_maker(graph, producer, uses, node.inputs[1]);
    if (reshape == nullptr || !std::holds_alternative<graph::Reshape>(reshape->op)) continue;
    const Node* image = only_maker(graph, producer, uses, reshape->inputs.front());
    const auto* op = image == nullptr ? nullptr : std::get_if<ConvTranspose2d>(&image->op);
    if (op == nullptr || !is_half(op->weights) || op->output != DType::kF32 ||
        !is_product_of_pixels(graph.value(node.inputs[0]).shape, graph.value(node.inputs[1]).shape,
                              graph.value(image->outputs.front()).shape)) {
      continue;
    }
    std::vector<ValueId> inputs{node.inputs[0]};
    inputs.insert(inputs.end(), image->inputs.begin(), image->inputs.end());
    node.inputs = std::move(inputs);
    node.op = graph::UpscaledProduct{op->stride, op->activation, op->weights};
  }
  return graph;
}

}  // namespace lasso::passes
