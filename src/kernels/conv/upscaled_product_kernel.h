// The GPU's code of UpscaledProduct, on tensor cores, which need sm_80.
#ifndef LASSO_KERNELS_CONV_UPSCALED_PRODUCT_KERNEL_H_
#define LASSO_KERNELS_CONV_UPSCALED_PRODUCT_KERNEL_H_

#include "kernels/conv/upscaled_product.h"

namespace lasso::kernels::gpu {

// Why the kernel does not take the problem; null where it does.
const char* refused_by_mma(const UpscaledProductProblem& problem);

// Sets what the kernel needs of the current device, once.
void prepare_upscaled_product(DType weights);

// Enqueues it. args.packed begins with W [stride, stride, filters, channels].
void run_upscaled_product(const UpscaledProductProblem& problem, int multiprocessors,
                          const KernelArgs& args, const float* bias);

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_CONV_UPSCALED_PRODUCT_KERNEL_H_
