// The nodes that take the place of one node, written one after another.
#ifndef LASSO_PASSES_EXPANSION_H_
#define LASSO_PASSES_EXPANSION_H_

#include <string>
#include <vector>

#include "graph/graph.h"

namespace lasso::passes {

class Expansion {
 public:
  // Values are added to the graph; its nodes stay as they are. Their names begin with that of the
  // node's first result.
  Expansion(graph::Graph& graph, graph::Node node);

  bool has(std::size_t i) const;
  graph::ValueId input(std::size_t i) const { return node_.inputs.at(i); }
  // Copies: values move when others are added.
  graph::Shape shape(graph::ValueId id) const { return graph_.value(id).shape; }
  DType dtype(graph::ValueId id) const { return graph_.value(id).dtype; }
  // The float32 elements of a constant input; none if it is no constant or has no data.
  std::vector<float> constant_values(std::size_t i) const;

  // The first result of a new node.
  graph::ValueId add(const std::string& name, graph::Op op, std::vector<graph::ValueId> inputs);
  std::vector<graph::ValueId> add_results(const std::string& name, graph::Op op,
                                          std::vector<graph::ValueId> inputs);
  graph::ValueId constant(const std::string& name, Tensor tensor);
  graph::ValueId scalar(const std::string& name, float value);

  graph::ValueId binary(const std::string& name, graph::BinaryKind kind, graph::ValueId a,
                        graph::ValueId b);
  graph::ValueId unary(const std::string& name, graph::UnaryKind kind, graph::ValueId x);
  graph::ValueId reshape(const std::string& name, graph::ValueId x, graph::Shape shape);
  graph::ValueId transpose(const std::string& name, graph::ValueId x,
                           std::vector<std::int64_t> permutation);
  // y = x itself where there is nothing to do.
  graph::ValueId activate(graph::ValueId x, graph::Activation activation);
  graph::ValueId to_float(const std::string& name, graph::ValueId x);
  // The numbers that x's stand for once they are rounded to a type of 16 bits, in float32; x itself
  // for float32.
  graph::ValueId rounded(const std::string& name, graph::ValueId x, DType half);
  // A B^T with A's leading dimensions, if any; see graph::MatMul.
  graph::ValueId product(const std::string& name, graph::ValueId a, graph::ValueId b);
  // The results of an op that makes rows in `output`: y; y in bfloat16 or float16; or y's quantised
  // rows with their scales. `gain` may be kNoValue.
  std::vector<graph::ValueId> rows(graph::ValueId y, DType output, graph::ValueId gain);

  // The new nodes, with the node's own results in the place of `results`.
  std::vector<graph::Node> finish(const std::vector<graph::ValueId>& results);

 private:
  graph::ValueId append(const std::string& name, graph::Value value);

  graph::Graph& graph_;
  graph::Node node_;
  std::string base_;
  std::vector<graph::Node> nodes_;
};

// What computes the same as an op by plainer ones: writes the nodes and returns their results, or
// nothing for an op that is plain itself, or whose sizes must be known and aren't.
using Expanded = std::vector<graph::ValueId>;
Expanded expand(const graph::Linear& op, Expansion& e);
Expanded expand(const graph::MatMul& op, Expansion& e);
Expanded expand(const graph::Conv2d& op, Expansion& e);
Expanded expand(const graph::ConvTranspose2d& op, Expansion& e);
Expanded expand(const graph::Deconv2d& op, Expansion& e);
Expanded expand(const graph::UpscaledProduct& op, Expansion& e);
Expanded expand(const graph::MaskUpscaling& op, Expansion& e);
Expanded expand(const graph::LayerNorm& op, Expansion& e);
Expanded expand(const graph::AddNorm& op, Expansion& e);
Expanded expand(const graph::Quantize& op, Expansion& e);
Expanded expand(const graph::Softmax& op, Expansion& e);
Expanded expand(const graph::Binary& op, Expansion& e);
Expanded expand(const graph::Unary& op, Expansion& e);
Expanded expand(const graph::WindowAttention& op, Expansion& e);
Expanded expand(const graph::Attention& op, Expansion& e);
Expanded expand(const graph::TokenToImage& op, Expansion& e);
Expanded expand(const graph::ImageToToken& op, Expansion& e);
Expanded expand(const graph::FourierFeatures& op, Expansion& e);

}  // namespace lasso::passes

#endif  // LASSO_PASSES_EXPANSION_H_
