// Convolutions of channels-last images with constant weights.
#ifndef LASSO_KERNELS_CONV_CONV_H_
#define LASSO_KERNELS_CONV_CONV_H_

#include <cstdint>
#include <vector>

#include "core/dtype.h"
#include "graph/op.h"
#include "kernels/family.h"
#include "kernels/kernel.h"

namespace lasso::kernels {

// graph::Conv2d of x [batch, height, width, channels] and W [filters, channels / groups, kernel_h,
// kernel_w]. Inputs x, W, b?, and the other images that are joined; W and b are packed. Types are
// those of graph::Conv2d.
struct Conv2dProblem {
  std::int64_t batch = 1;
  std::int64_t height = 1;
  std::int64_t width = 1;
  std::int64_t channels = 1;
  std::int64_t filters = 1;
  std::int64_t kernel_h = 1;
  std::int64_t kernel_w = 1;
  graph::Size2d stride = 1;
  graph::Pads2d padding = 0;
  graph::Size2d dilation = 1;
  std::int64_t groups = 1;
  bool bias = false;
  graph::Activation activation = graph::Activation::kNone;
  DType weights = DType::kF32;
  DType input = DType::kF32;
  DType output = DType::kF32;
  graph::Affine input_scheme = {};   // of int8 weights
  graph::Affine output_scheme = {};  // of a uint8 result
  // The channels of each of several images, together `channels`; empty: there is one image.
  std::vector<std::int64_t> joined = {};

  std::int64_t out_h() const {
    const std::int64_t span = height + padding.top + padding.bottom - dilation.h * (kernel_h - 1);
    return (span - 1 + stride.h) / stride.h;  // none where the image is smaller than the window
  }
  std::int64_t out_w() const {
    const std::int64_t span = width + padding.left + padding.right - dilation.w * (kernel_w - 1);
    return (span - 1 + stride.w) / stride.w;
  }
  std::int64_t group_channels() const { return channels / groups; }
  std::int64_t group_filters() const { return filters / groups; }
  // Top and left end of the window of an output row or column, outside of the image if negative.
  constexpr std::int64_t top(std::int64_t out_row) const {
    return out_row * stride.h - padding.top;
  }
  constexpr std::int64_t left(std::int64_t out_column) const {
    return out_column * stride.w - padding.left;
  }
};

// x [batch, height, width, channels], W [channels, filters, stride, stride] -> y [batch,
// stride*height, stride*width, filters]:
//   y[b, s*i + u, s*j + v, n] = activation(sum_c x[b, i, j, c] W[c, n, u, v] + bias[n]),   0 <= u,
//   v < s.
// Inputs x, W, b?; W and b are packed. Types as of Conv2dProblem; with weights in
// bfloat16 or float16 the result is float32 or of their type.
struct ConvTranspose2dProblem {
  std::int64_t batch = 1;
  std::int64_t height = 1;
  std::int64_t width = 1;
  std::int64_t channels = 1;
  std::int64_t filters = 1;
  std::int64_t stride = 2;
  bool bias = false;
  graph::Activation activation = graph::Activation::kNone;
  DType weights = DType::kF32;
  DType input = DType::kF32;
  DType output = DType::kF32;
};

// Multiplications and additions.
inline double operations(const Conv2dProblem& p) {
  return 2.0 * static_cast<double>(p.batch * p.out_h() * p.out_w()) *
         static_cast<double>(p.filters * p.group_channels() * p.kernel_h * p.kernel_w);
}
inline double operations(const ConvTranspose2dProblem& p) {
  return 2.0 * static_cast<double>(p.batch * p.height * p.width) *
         static_cast<double>(p.filters * p.channels * p.stride * p.stride);
}

Conv2dProblem make_conv2d_problem(const Call& call);
ConvTranspose2dProblem make_conv_transpose2d_problem(const Call& call);

// Best first, reference last.
const std::vector<Kernel<Conv2dProblem>>& conv2d_kernels();
const std::vector<Kernel<ConvTranspose2dProblem>>& conv_transpose2d_kernels();

const Family& conv2d_family();
const Family& conv_transpose2d_family();

// The rows of the lists.
extern const Kernel<Conv2dProblem> kConv2dDepthwiseAvx512;
extern const Kernel<Conv2dProblem> kConv2dDepthwiseAvx2;
extern const Kernel<Conv2dProblem> kConv2dWinogradAvx512;
extern const Kernel<Conv2dProblem> kConv2dWinogradAvx2;
extern const Kernel<Conv2dProblem> kConv2dProductAvx512;
extern const Kernel<Conv2dProblem> kConv2dProductAvx2;
extern const Kernel<Conv2dProblem> kConv2dBf16Amx;
extern const Kernel<Conv2dProblem> kConv2dBf16Windows;
extern const Kernel<Conv2dProblem> kConv2dBf16WidenedAvx512;
extern const Kernel<Conv2dProblem> kConv2dBf16WidenedAvx2;
extern const Kernel<Conv2dProblem> kConv2dInt8Amx;
extern const Kernel<Conv2dProblem> kConv2dInt8Avx512Vnni;
extern const Kernel<Conv2dProblem> kConv2dInt8AvxVnni;
extern const Kernel<Conv2dProblem> kConv2dInt8Avx2;
extern const Kernel<Conv2dProblem> kConv2dRef;
extern const Kernel<ConvTranspose2dProblem> kConvTranspose2dProductAvx512;
extern const Kernel<ConvTranspose2dProblem> kConvTranspose2dProductAvx2;
extern const Kernel<ConvTranspose2dProblem> kConvTranspose2dBf16Product;
extern const Kernel<ConvTranspose2dProblem> kConvTranspose2dBf16WidenedAvx512;
extern const Kernel<ConvTranspose2dProblem> kConvTranspose2dBf16WidenedAvx2;
extern const Kernel<ConvTranspose2dProblem> kConvTranspose2dRef;

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CONV_CONV_H_
