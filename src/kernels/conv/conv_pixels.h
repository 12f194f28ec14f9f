// Convolutions of images of few channels on tensor cores: what the row asks of the GPU's code.
#ifndef LASSO_KERNELS_CONV_CONV_PIXELS_H_
#define LASSO_KERNELS_CONV_CONV_PIXELS_H_

#include "kernels/conv/conv.h"

namespace lasso::kernels::gpu {

// Of the windows of run_conv_pixels().
inline constexpr int kMostPixelDepth = 64;

// With W [filters, kernel_h, kernel_w, channels], whose rows are at most kMostPixelDepth numbers.
// All sizes are below 2^31, and filters are a multiple of 8.
void run_conv_pixels(const Conv2dProblem& problem, const KernelArgs& args, const void* w,
                     const float* bias, int multiprocessors);

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_CONV_CONV_PIXELS_H_
