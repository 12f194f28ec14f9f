// The GPU's code of Deconv2d: what each function enqueues on the stream of `args`.
#ifndef LASSO_KERNELS_DECONV_DECONV_CUDA_KERNELS_H_
#define LASSO_KERNELS_DECONV_DECONV_CUDA_KERNELS_H_

#include "kernels/deconv/deconv.h"

namespace lasso::kernels::gpu {

// The transposed convolution by one plain kernel, with W [filters, h.kernel, w.kernel,
// group_channels].
void run_deconv_tile(const Deconv2dProblem& problem, const KernelArgs& args, const float* w,
                     const float* bias);

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_DECONV_DECONV_CUDA_KERNELS_H_
