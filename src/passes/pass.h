// Passes: each rewrites a module into one that computes the same outputs. A pass is one function in
// a file of its own; pipeline.cc is the whole list, in the order in which they run.
#ifndef LASSO_PASSES_PASS_H_
#define LASSO_PASSES_PASS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "backend/target_info.h"
#include "graph/graph.h"
#include "quant/precision_plan.h"

namespace lasso::passes {

struct PassContext {
  backend::TargetInfo target;
  quant::PrecisionPlan precision;
  // Whether the target has a kernel for a node of a graph. Empty: it has one for every op.
  std::function<bool(const graph::Graph& graph, const graph::Node& node)> has_kernel;
  // Whether it has another than the reference. Empty: it has none.
  std::function<bool(const graph::Graph& graph, const graph::Node& node)> has_fast_kernel;
};

struct Pass {
  std::string_view name;
  graph::Module (*run)(graph::Module module, const PassContext& context);
};

const std::vector<Pass>& pipeline();

// Runs the pipeline; every program is verified after every pass, and an error names the pass.
graph::Module optimize(graph::Module module, const PassContext& context);

// Does the module's splits: moves all nodes that depend on the named inputs, and on no others, into
// a program of their own, which stands before the one that they come from. Its inputs are those of
// them that it reads; its outputs, those of its values that are still read where they come from,
// stand first among the inputs there, in the same order. An input that is no longer read there is
// not an input any more. Throws kInternal if there is no such program.
graph::Module hoist(graph::Module module, const PassContext& context);
// Transpositions go towards the outputs, through what computes by elements, along an axis, or
// divides or merges dimensions, until they meet their inverse or something that they can't pass.
graph::Graph sink_transposes(graph::Graph graph, const PassContext& context);
// Images of at most so many channels, which fill no vectors, are resized one by one
// (sink_transposes); with more of them, sums of four terms, as two resizes in one have
// (fuse_resize), would take longer than two times two.
inline constexpr std::int64_t kFewChannels = 8;

// A Resize whose first pixels are cut out makes those alone, and two linear ones, one after
// another, of few channels become one.
graph::Graph fuse_resize(graph::Graph graph, const PassContext& context);
// c / sqrt(mean(c^2) + epsilon) * gamma + beta with c = x - mean(x) becomes a LayerNorm.
graph::Graph fuse_layer_norm(graph::Graph graph, const PassContext& context);
// x sigmoid(x) becomes SiLU, x (1 + erf(x / sqrt 2)) / 2 GELU, the sine and the cosine of
// 2 pi (2 x - 1) M FourierFeatures, and a constant that is added to all rows of a layer's result
// its bias.
graph::Graph fuse_functions(graph::Graph graph, const PassContext& context);
// softmax(scale q k^T) v of heads becomes Attention; of one value's thirds, with decomposed
// relative positions or without, WindowAttention of the whole grid.
graph::Graph fuse_attention(graph::Graph graph, const PassContext& context);
// Several reshapes and transpositions one after another become one of each, or none.
graph::Graph merge_layouts(graph::Graph graph, const PassContext& context);
// WindowAttention of windows that are cut out of a grid before one linear layer and put back behind
// another becomes that of the grid in windows.
graph::Graph fuse_windows(graph::Graph graph, const PassContext& context);
// On a CPU: an Attention between few tokens and the pixels of an image, with the linear layers that
// make keys and values of the pixels, becomes a TokenToImage; one that makes queries of them, with
// the layer behind it and the sum with the pixels, an ImageToToken.
graph::Graph fuse_two_way(graph::Graph graph, const PassContext& context);
// The largest numbers under windows of several sizes around each pixel of one image: each is made
// of the next smaller one.
graph::Graph chain_pools(graph::Graph graph, const PassContext& context);
// activation(op(...)) where nothing else reads op's result: the activation becomes an attribute of
// op.
graph::Graph fuse_activation(graph::Graph graph, const PassContext& context);
// linear(...) + r where nothing else reads linear's result: r becomes the residual input of the
// linear.
graph::Graph fuse_residual(graph::Graph graph, const PassContext& context);
// The types of the graph's values as the context's precision wants them (wanted_types.h). A layer's
// input is made in its type by the node that makes it, where all readers agree and the node can,
// and stays of that type where it is only moved. Else int8 layers read what Quantize or
// QuantizeTensor makes of it, attention what Cast does, and layers in bfloat16 or float16 float32,
// which they round themselves; on a GPU, whose products read the type that they multiply, what Cast
// makes of it once for all readers. The sums that residuals make stay float32. Throws
// kInvalidArgument for a plan that does not fit the layers.
graph::Graph lower_precision(graph::Graph graph, const PassContext& context);
// On a GPU: a + b before a LayerNorm, its result's roundings to 16 bits, and one sum with a value
// that is repeated along the first dimensions, become parts of an AddNorm, with the same results.
graph::Graph fuse_norm(graph::Graph graph, const PassContext& context);
// On a GPU: a MatMul by the pixels of a ConvTranspose2d with weights in 16 bits, which nothing else
// reads, becomes an UpscaledProduct.
graph::Graph fuse_upscaling(graph::Graph graph, const PassContext& context);
// On a CPU: a MatMul by the pixels of an image that a ConvTranspose2d, a LayerNorm and another
// ConvTranspose2d make, with activations behind the last two, becomes a MaskUpscaling, in the type
// of their weights.
graph::Graph fuse_masks(graph::Graph graph, const PassContext& context);
// A Concat of images that nodes make and only convolutions of 1 x 1 read becomes their several
// inputs, where the target has a fast kernel for that.
graph::Graph fuse_joins(graph::Graph graph, const PassContext& context);
// On a CPU: a convolution of 1 x 1 in float32 becomes a Linear.
graph::Graph pointwise_linear(graph::Graph graph, const PassContext& context);
// Ops that the target has no kernel for become plainer ones, which compute the same with more
// memory between them; those that have none stay.
graph::Graph decompose(graph::Graph graph, const PassContext& context);
// Removes nodes and constants that no output needs.
graph::Graph eliminate_dead(graph::Graph graph, const PassContext& context);

}  // namespace lasso::passes

#endif  // LASSO_PASSES_PASS_H_
