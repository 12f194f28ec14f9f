// The rules of ops on elements and rows.
#include "core/check.h"
#include "graph/inputs.h"

namespace lasso::graph {

Results LayerNorm::infer(const Inputs& in) const {
  in.require_count(3, 3);
  in.require_float_from(0);
  in.require(output == DType::kF32 || output == DType::kBF16 || output == DType::kU8,
             "a result in float32, bfloat16 or uint8");
  in.require_shape(1, {in.last(0)});
  in.require_shape(2, {in.last(0)});
  return result_rows(output, in.shape(0));
}

Results Binary::infer(const Inputs& in) const {
  in.require_count(2, 2);
  in.require_float_from(0);
  return {result(in.dtype(0), in.broadcast(in.shape(0), in.shape(1)))};
}

Results Unary::infer(const Inputs& in) const {
  in.require_count(1, 1);
  in.require_float_from(0);
  return {result(in.dtype(0), in.shape(0))};
}

Results Quantize::infer(const Inputs& in) const {
  in.require_count(1, 2);
  in.require_type(0, {DType::kF32, DType::kBF16});
  in.require_float_from(1);
  const Dim channels = in.last(0);
  if (in.has(1)) in.require_shape(1, {channels});
  return result_rows(DType::kU8, in.shape(0));
}

Results Cast::infer(const Inputs& in) const {
  in.require_count(1, 1);
  in.require_type(0, {DType::kF32, DType::kBF16});
  in.require(to == DType::kF32 || to == DType::kBF16, "a result in float32 or bfloat16");
  return {result(to, in.shape(0))};
}

}  // namespace lasso::graph
