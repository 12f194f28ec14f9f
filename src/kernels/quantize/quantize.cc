#include "kernels/quantize/quantize.h"

#include "core/check.h"
#include "kernels/cpu/constant.h"

namespace lasso::kernels {

namespace {

QuantizeProblem make_quantize_problem(const Call& call) {
  const Operand& x = call.inputs.at(0);
  LASSO_CHECK(!x.dims.empty() && x.dims.back() > 0, ErrorCode::kInternal, "quantize: x {}",
              to_string(x.dims));
  return {.rows = element_count(x.dims) / x.dims.back(),
          .channels = x.dims.back(),
          .input = x.dtype,
          .gain = has_operand(call.inputs, 1)};
}

QuantizeTensorProblem make_quantize_tensor_problem(const Call& call) {
  return {.count = element_count(call.inputs.at(0).dims),
          .input = call.inputs[0].dtype,
          .scheme = std::get<graph::QuantizeTensor>(call.op).scheme};
}

CastProblem make_cast_problem(const Call& call) {
  return {.count = element_count(call.inputs.at(0).dims),
          .from = call.inputs[0].dtype,
          .to = call.outputs.at(0).dtype};
}

}  // namespace

const std::vector<Kernel<QuantizeProblem>>& quantize_kernels() {
  static const std::vector<Kernel<QuantizeProblem>> list{kQuantizeAvx512, kQuantizeAvx2,
                                                         kQuantizeRef};
  return list;
}

const std::vector<Kernel<QuantizeTensorProblem>>& quantize_tensor_kernels() {
  static const std::vector<Kernel<QuantizeTensorProblem>> list{
      kQuantizeTensorAvx512, kQuantizeTensorAvx2, kQuantizeTensorRef};
  return list;
}

const std::vector<Kernel<CastProblem>>& cast_kernels() {
  static const std::vector<Kernel<CastProblem>> list{kCastAvx512, kCastAvx2, kCastRef};
  return list;
}

const Family& quantize_family() {
  static const ListFamily<QuantizeProblem> family("quantize", quantize_kernels(),
                                                  make_quantize_problem);
  return family;
}

const Family& quantize_tensor_family() {
  static const ListFamily<QuantizeTensorProblem> family(
      "quantize_tensor", quantize_tensor_kernels(), make_quantize_tensor_problem);
  return family;
}

const Family& cast_family() {
  static const ListFamily<CastProblem> family("cast", cast_kernels(), make_cast_problem);
  return family;
}

}  // namespace lasso::kernels
