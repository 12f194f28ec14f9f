#include "kernels/conv/conv.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "kernels/cpu/constant.h"

namespace lasso::kernels {

namespace {

std::vector<std::size_t> packed_inputs(const Call& /*call*/) { return {1, 2}; }

void check_constant(const Call& call) {
  for (std::size_t i = 1; i < std::min<std::size_t>(call.inputs.size(), 3); ++i) {
    LASSO_CHECK(!call.inputs[i].present || call.inputs[i].constant, ErrorCode::kUnsupported,
                "{}: input {} (weights, bias) must be a constant", graph::op_name(call.op), i);
  }
}

}  // namespace

Conv2dProblem make_conv2d_problem(const Call& call) {
  check_constant(call);
  const auto& op = std::get<graph::Conv2d>(call.op);
  const Dims& x = call.inputs.at(0).dims;
  const Dims& w = call.inputs.at(1).dims;
  std::vector<std::int64_t> joined;
  std::int64_t channels = x.at(3);
  for (std::size_t i = graph::Conv2d::kFirstJoined; i < call.inputs.size(); ++i) {
    if (joined.empty()) joined.push_back(channels);
    joined.push_back(call.inputs[i].dims.at(3));
    channels += joined.back();
  }
  LASSO_CHECK(x.size() == 4 && w.size() == 4 && op.groups > 0 && channels == w[1] * op.groups &&
                  w[0] % op.groups == 0 && w[2] == op.kernel_h && w[3] == op.kernel_w,
              ErrorCode::kInternal, "conv2d: x {} and weights {}", to_string(x), to_string(w));
  return {.batch = x[0],
          .height = x[1],
          .width = x[2],
          .channels = channels,
          .filters = w[0],
          .kernel_h = op.kernel_h,
          .kernel_w = op.kernel_w,
          .stride = op.stride,
          .padding = op.padding,
          .dilation = op.dilation,
          .groups = op.groups,
          .bias = has_operand(call.inputs, 2),
          .activation = op.activation,
          .weights = op.weights,
          .input = call.inputs[0].dtype,
          .output = op.output,
          .input_scheme = op.input,
          .output_scheme = op.result,
          .joined = std::move(joined)};
}

ConvTranspose2dProblem make_conv_transpose2d_problem(const Call& call) {
  check_constant(call);
  const auto& op = std::get<graph::ConvTranspose2d>(call.op);
  const Dims& x = call.inputs.at(0).dims;
  const Dims& w = call.inputs.at(1).dims;
  LASSO_CHECK(
      x.size() == 4 && w.size() == 4 && x[3] == w[0] && w[2] == op.stride && w[3] == op.stride,
      ErrorCode::kInternal, "conv_transpose2d: x {} and weights {}", to_string(x), to_string(w));
  return {.batch = x[0],
          .height = x[1],
          .width = x[2],
          .channels = x[3],
          .filters = w[1],
          .stride = op.stride,
          .bias = has_operand(call.inputs, 2),
          .activation = op.activation,
          .weights = op.weights,
          .input = call.inputs[0].dtype,
          .output = op.output};
}

const std::vector<Kernel<Conv2dProblem>>& conv2d_kernels() {
  static const std::vector<Kernel<Conv2dProblem>> list{
      kConv2dDepthwiseAvx512, kConv2dDepthwiseAvx2, kConv2dWinogradAvx512,
      kConv2dWinogradAvx2,    kConv2dProductAvx512, kConv2dProductAvx2,
      kConv2dBf16Amx,         kConv2dBf16Windows,   kConv2dBf16WidenedAvx512,
      kConv2dBf16WidenedAvx2, kConv2dInt8Amx,       kConv2dInt8Avx512Vnni,
      kConv2dInt8AvxVnni,     kConv2dInt8Avx2,      kConv2dRef};
  return list;
}

const std::vector<Kernel<ConvTranspose2dProblem>>& conv_transpose2d_kernels() {
  static const std::vector<Kernel<ConvTranspose2dProblem>> list{
      kConvTranspose2dProductAvx512,   kConvTranspose2dProductAvx2,
      kConvTranspose2dBf16Product,     kConvTranspose2dBf16WidenedAvx512,
      kConvTranspose2dBf16WidenedAvx2, kConvTranspose2dRef};
  return list;
}

const Family& conv2d_family() {
  static const ListFamily<Conv2dProblem> family("conv2d", conv2d_kernels(), make_conv2d_problem,
                                                packed_inputs);
  return family;
}

const Family& conv_transpose2d_family() {
  static const ListFamily<ConvTranspose2dProblem> family(
      "conv_transpose2d", conv_transpose2d_kernels(), make_conv_transpose2d_problem, packed_inputs);
  return family;
}

}  // namespace lasso::kernels
