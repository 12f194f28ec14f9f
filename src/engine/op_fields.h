// The operations by name and their attributes by name: all that an engine file says about one. A
// new operation needs a line in each of the two lists, and a new attribute one line.
#ifndef LASSO_ENGINE_OP_FIELDS_H_
#define LASSO_ENGINE_OP_FIELDS_H_

#include "core/dtype.h"
#include "engine/json_fields.h"
#include "graph/op.h"

namespace lasso::engine {

inline const EnumNames<graph::Activation>& names_of(EnumTag<graph::Activation> /*tag*/) {
  using graph::Activation;
  static const EnumNames<Activation> names{{Activation::kNone, "none"},
                                           {Activation::kGelu, "gelu"},
                                           {Activation::kRelu, "relu"},
                                           {Activation::kSigmoid, "sigmoid"}};
  return names;
}

inline const EnumNames<graph::BinaryKind>& names_of(EnumTag<graph::BinaryKind> /*tag*/) {
  using graph::BinaryKind;
  static const EnumNames<BinaryKind> names{
      {BinaryKind::kAdd, "add"}, {BinaryKind::kSub, "sub"}, {BinaryKind::kMul, "mul"}};
  return names;
}

inline const EnumNames<DType>& names_of(EnumTag<DType> /*tag*/) {
  static const EnumNames<DType> names{{DType::kF32, "float32"},   {DType::kF16, "float16"},
                                      {DType::kBF16, "bfloat16"}, {DType::kF64, "float64"},
                                      {DType::kI8, "int8"},       {DType::kU8, "uint8"},
                                      {DType::kI16, "int16"},     {DType::kI32, "int32"},
                                      {DType::kI64, "int64"},     {DType::kBool, "bool"}};
  return names;
}

struct OpTypeName {
  std::string_view operator()(const graph::Linear&) const { return "linear"; }
  std::string_view operator()(const graph::MatMul&) const { return "matmul"; }
  std::string_view operator()(const graph::Conv2d&) const { return "conv2d"; }
  std::string_view operator()(const graph::ConvTranspose2d&) const { return "conv_transpose2d"; }
  std::string_view operator()(const graph::LayerNorm&) const { return "layer_norm"; }
  std::string_view operator()(const graph::WindowAttention&) const { return "window_attention"; }
  std::string_view operator()(const graph::Attention&) const { return "attention"; }
  std::string_view operator()(const graph::Binary&) const { return "binary"; }
  std::string_view operator()(const graph::Unary&) const { return "unary"; }
  std::string_view operator()(const graph::Concat&) const { return "concat"; }
  std::string_view operator()(const graph::Slice&) const { return "slice"; }
  std::string_view operator()(const graph::Reshape&) const { return "reshape"; }
  std::string_view operator()(const graph::Transpose&) const { return "transpose"; }
  std::string_view operator()(const graph::Expand&) const { return "expand"; }
  std::string_view operator()(const graph::Gather&) const { return "gather"; }
  std::string_view operator()(const graph::FourierFeatures&) const { return "fourier_features"; }
  std::string_view operator()(const graph::Quantize&) const { return "quantize"; }
  std::string_view operator()(const graph::Cast&) const { return "cast"; }
};

// clang-format off
template <class V> void fields(V& v, graph::Linear& op) {
  v("activation", op.activation);
  v("weights", op.weights);
  v("output", op.output);
}
template <class V> void fields(V& v, graph::MatMul& op) { v("activation", op.activation); }
template <class V> void fields(V& v, graph::Conv2d& op) {
  v("kernel_h", op.kernel_h);
  v("kernel_w", op.kernel_w);
  v("stride", op.stride);
  v("padding", op.padding);
  v("activation", op.activation);
  v("weights", op.weights);
}
template <class V> void fields(V& v, graph::ConvTranspose2d& op) {
  v("stride", op.stride);
  v("activation", op.activation);
  v("weights", op.weights);
  v("output", op.output);
}
template <class V> void fields(V& v, graph::LayerNorm& op) {
  v("epsilon", op.epsilon);
  v("activation", op.activation);
  v("output", op.output);
}
template <class V> void fields(V& v, graph::WindowAttention& op) {
  v("heads", op.heads);
  v("window", op.window);
  v("scale", op.scale);
}
template <class V> void fields(V& v, graph::Attention& op) {
  v("heads", op.heads);
  v("scale", op.scale);
}
template <class V> void fields(V& v, graph::Binary& op) {
  v("kind", op.kind);
  v("activation", op.activation);
}
template <class V> void fields(V& v, graph::Unary& op) { v("activation", op.activation); }
template <class V> void fields(V& v, graph::Concat& op) { v("axis", op.axis); }
template <class V> void fields(V& v, graph::Slice& op) {
  v("axis", op.axis);
  v("begin", op.begin);
  v("end", op.end);
}
template <class V> void fields(V& v, graph::Reshape& op) { v("shape", op.shape); }
template <class V> void fields(V& v, graph::Transpose& op) { v("permutation", op.permutation); }
template <class V> void fields(V& v, graph::Expand& op) { v("shape", op.shape); }
template <class V> void fields(V& v, graph::Gather& op) { v("offset", op.offset); }
template <class V> void fields(V& /*v*/, graph::FourierFeatures& /*op*/) {}
template <class V> void fields(V& /*v*/, graph::Quantize& /*op*/) {}
template <class V> void fields(V& v, graph::Cast& op) { v("to", op.to); }
// clang-format on

}  // namespace lasso::engine

#endif  // LASSO_ENGINE_OP_FIELDS_H_
