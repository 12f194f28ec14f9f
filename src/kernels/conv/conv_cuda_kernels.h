// The GPU's code of the convolutions: what each function enqueues on the stream of `args`.
#ifndef LASSO_KERNELS_CONV_CONV_CUDA_KERNELS_H_
#define LASSO_KERNELS_CONV_CONV_CUDA_KERNELS_H_

#include <cstddef>
#include <cstdint>

#include "kernels/conv/conv.h"

namespace lasso::kernels::gpu {

// The windows of `count` output pixels from pixel `begin` of all images on, as rows of a matrix
// [count, kernel_h * kernel_w * channels] of the weights' type, zeros outside of the image. Without
// groups.
void gather_windows(const Conv2dProblem& problem, const KernelArgs& args, const void* x,
                    std::int64_t begin, std::int64_t count, void* windows);

// The convolution by one plain kernel, with W [filters, kernel_h, kernel_w, group_channels].
void run_conv_tile(const Conv2dProblem& problem, const KernelArgs& args, const void* w,
                   const float* bias);

// The convolution of each channel apart, with W [kernel_h, kernel_w, channels].
void run_depthwise(const Conv2dProblem& problem, const KernelArgs& args, const void* w,
                   const float* bias);

// Writes y from sums [count, stride, stride, filters], which belong to `count` pixels of x from
// pixel `begin` of all images on: activation(sum + bias).
void scatter_taps(const ConvTranspose2dProblem& problem, const KernelArgs& args, const float* sums,
                  const float* bias, std::int64_t begin, std::int64_t count);

// The transposed convolution by one plain kernel, with W [stride, stride, filters, channels].
void run_transpose_tile(const ConvTranspose2dProblem& problem, const KernelArgs& args,
                        const void* w, const float* bias);

// Why the kernel of tensor cores does not take the problem; null where it does.
const char* refused_by_mma(const ConvTranspose2dProblem& problem);

// The same on tensor cores, which needs sm_80.
void run_transpose_mma(const ConvTranspose2dProblem& problem, const KernelArgs& args, const void* w,
                       const float* bias);

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_CONV_CONV_CUDA_KERNELS_H_
