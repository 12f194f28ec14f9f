// What kernels of convolutions on tensor cores take of a problem.
#ifndef LASSO_KERNELS_CONV_CONV_SUMS_H_
#define LASSO_KERNELS_CONV_CONV_SUMS_H_

#include "kernels/conv/conv.h"

namespace lasso::kernels::gpu {

// Where the sums [pixels, filters] of a convolution go, and what is done with them first.
struct ConvResult {
  const float* bias;
  void* y;
  bool half_result;  // y is of the type of the factors, else float32
  graph::Activation activation;
  int pixels, filters;
};

// Where windows lie.
struct ConvWindows {
  int stride_h, stride_w, top, left, dilation_h, dilation_w;
  int kernel_w;
};

// Of a problem whose sizes are below 2^31.
inline ConvResult conv_result(const Conv2dProblem& p, const KernelArgs& args, const float* bias) {
  return {.bias = bias,
          .y = args.outputs[0],
          .half_result = p.output != DType::kF32,
          .activation = p.activation,
          .pixels = static_cast<int>(p.batch * p.out_h() * p.out_w()),
          .filters = static_cast<int>(p.filters)};
}
inline ConvWindows conv_windows(const Conv2dProblem& p) {
  return {.stride_h = static_cast<int>(p.stride.h),
          .stride_w = static_cast<int>(p.stride.w),
          .top = static_cast<int>(p.padding.top),
          .left = static_cast<int>(p.padding.left),
          .dilation_h = static_cast<int>(p.dilation.h),
          .dilation_w = static_cast<int>(p.dilation.w),
          .kernel_w = static_cast<int>(p.kernel_w)};
}

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_CONV_CONV_SUMS_H_
