// The end of a mask decoder becomes one node: the upscaled image that masks are products with, and
// what it is made of, then never lie in memory as a whole (kernels/upscaling/upscaling.h).
#include <optional>
#include <utility>

#include "passes/match.h"
#include "passes/pass.h"

namespace lasso::passes {

using graph::ConvTranspose2d;
using graph::Dim;
using graph::Graph;
using graph::kNoValue;
using graph::Node;
using graph::Shape;
using graph::ValueId;

namespace {

class MaskFusion {
 public:
  explicit MaskFusion(const Graph& graph) : graph_(graph), match_(graph) {}

  Graph run() {
    Graph result = graph_;
    result.nodes.clear();
    for (const Node& node : graph_.nodes) {
      std::optional<Masks> masks = find(node);
      if (!masks) {
        result.nodes.push_back(node);
        continue;
      }
      ValueId& x = masks->node.inputs[1];
      if (shape(x) != masks->image) {
        graph::Value view = graph_.value(x);
        view.name = graph_.value(node.outputs.front()).name + ".image";
        view.shape = masks->image;
        result.values.push_back(std::move(view));
        const auto id = static_cast<ValueId>(result.values.size() - 1);
        result.nodes.push_back({graph::Reshape{masks->image}, {x}, {id}});
        x = id;
      }
      result.nodes.push_back(std::move(masks->node));
    }
    return result;
  }

 private:
  // The node, which may have rows in the place of the image that it reads, and that image's shape.
  struct Masks {
    Node node;
    Shape image;
  };

  const Shape& shape(ValueId id) const { return graph_.value(id).shape; }

  // The maker of a value that nothing else reads.
  template <typename Op>
  const Node* only_maker(ValueId id) const {
    return match_.is_read_once(id) ? match_.maker_of<Op>(id).first : nullptr;
  }

  // Of a transposed convolution with constants, whose result is float32.
  const Node* upscaling(ValueId id) const {
    const Node* node = only_maker<ConvTranspose2d>(id);
    const bool is = node != nullptr && std::get<ConvTranspose2d>(node->op).output == DType::kF32 &&
                    match_.is_constant(node->inputs[1]) &&
                    (bias(*node) == kNoValue || match_.is_constant(bias(*node)));
    return is ? node : nullptr;
  }
  // Of an image that a layer rounds to a type: the image, or the rows that it is a view of, before
  // they were rounded to that.
  ValueId unrounded(ValueId image, DType type) const {
    const auto view = match_.maker_of<graph::Reshape>(image).first;
    const ValueId id = view == nullptr ? image : view->inputs[0];
    const auto [cast, op] = match_.maker_of<graph::Cast>(id);
    if (op == nullptr || op->to != type) return image;
    return graph_.value(cast->inputs[0]).dtype == DType::kF32 ? cast->inputs[0] : image;
  }
  static ValueId bias(const Node& node) {
    return node.inputs.size() > 2 ? node.inputs[2] : kNoValue;
  }

  std::optional<Masks> find(const Node& node) const {
    const auto* product = std::get_if<graph::MatMul>(&node.op);
    if (product == nullptr || *product != graph::MatMul{}) return {};
    const Node* pixels = only_maker<graph::Reshape>(node.inputs[1]);
    const Node* second = pixels == nullptr ? nullptr : upscaling(pixels->inputs[0]);
    const Node* norm =
        second == nullptr ? nullptr : only_maker<graph::LayerNorm>(second->inputs[0]);
    const Node* first = norm == nullptr ? nullptr : upscaling(norm->inputs[0]);
    if (first == nullptr) return {};
    const auto& op = std::get<ConvTranspose2d>(second->op);
    const auto& before = std::get<ConvTranspose2d>(first->op);
    const auto& norm_op = std::get<graph::LayerNorm>(norm->op);
    const Shape& image = shape(second->outputs.front());
    const Shape& a = shape(node.inputs[0]);
    const ValueId x = unrounded(first->inputs[0], op.weights);
    // A kernel's block is a part of a line, with all pixels that become of it.
    constexpr std::int64_t kLeastWidth = 4;
    constexpr std::int64_t kMostStride = 2;
    const Dim& width = shape(first->inputs[0])[2];
    if (!width.is_constant() || width.constant() < kLeastWidth || op.stride > kMostStride ||
        op.weights == DType::kF16 || before.stride != op.stride ||
        before.activation != graph::Activation::kNone || before.weights != op.weights ||
        graph_.value(x).dtype != DType::kF32 ||
        (norm_op.output != DType::kF32 && norm_op.output != op.weights) || a.size() != 3 ||
        a[0] != image[0] ||
        shape(node.inputs[1]) != Shape{image[0], image[1] * image[2], image[3]}) {
      return {};
    }
    Node fused{graph::MaskUpscaling{op.stride, norm_op.epsilon, norm_op.activation, op.activation,
                                    op.weights},
               {node.inputs[0], x, first->inputs[1], bias(*first), norm->inputs[1], norm->inputs[2],
                second->inputs[1], bias(*second)},
               node.outputs};
    if (fused.inputs.back() == kNoValue) fused.inputs.pop_back();
    return Masks{std::move(fused), shape(first->inputs[0])};
  }

  const Graph& graph_;
  Matcher match_;
};

}  // namespace

Graph fuse_masks(Graph graph, const PassContext& context) {
  return context.target.kind == backend::DeviceKind::kCpu ? MaskFusion(graph).run() : graph;
}

}  // namespace lasso::passes
