#include "kernels/conv/conv_bf16.h"

namespace lasso::kernels {

namespace {

std::vector<std::size_t> packed_inputs(const Call& /*call*/) { return {1, 2}; }

Conv2dBf16Problem make_conv2d_bf16_problem(const Call& call) {
  return {make_conv2d_problem(call), call.inputs.at(0).dtype};
}

ConvTranspose2dBf16Problem make_conv_transpose2d_bf16_problem(const Call& call) {
  return {make_conv_transpose2d_problem(call), call.inputs.at(0).dtype,
          std::get<graph::ConvTranspose2d>(call.op).output};
}

}  // namespace

const std::vector<Kernel<Conv2dBf16Problem>>& conv2d_bf16_kernels() {
  static const std::vector<Kernel<Conv2dBf16Problem>> list{kConv2dBf16Product, kConv2dBf16Ref};
  return list;
}

const std::vector<Kernel<ConvTranspose2dBf16Problem>>& conv_transpose2d_bf16_kernels() {
  static const std::vector<Kernel<ConvTranspose2dBf16Problem>> list{kConvTranspose2dBf16Product,
                                                                    kConvTranspose2dBf16Ref};
  return list;
}

const Family& conv2d_bf16_family() {
  static const ListFamily<Conv2dBf16Problem> family("conv2d_bf16", conv2d_bf16_kernels(),
                                                    make_conv2d_bf16_problem, packed_inputs);
  return family;
}

const Family& conv_transpose2d_bf16_family() {
  static const ListFamily<ConvTranspose2dBf16Problem> family(
      "conv_transpose2d_bf16", conv_transpose2d_bf16_kernels(), make_conv_transpose2d_bf16_problem,
      packed_inputs);
  return family;
}

}  // namespace lasso::kernels
