// The GPU's code of UpscaledProduct: what each function enqueues on the stream of `args`. W is
// packed as [stride, stride, filters, channels], at the beginning of args.packed.
#ifndef LASSO_KERNELS_CONV_UPSCALED_PRODUCT_KERNEL_H_
#define LASSO_KERNELS_CONV_UPSCALED_PRODUCT_KERNEL_H_

#include "kernels/conv/upscaled_product.h"

namespace lasso::kernels::gpu {

// Why the kernel of tensor cores does not take the problem; null where it does.
const char* refused_by_mma(const UpscaledProductProblem& problem);

// Sets what that kernel needs of the current device, once.
void prepare_upscaled_product(DType weights);

// The product by that kernel, in bfloat16 from sm_80 on.
void run_upscaled_product(const UpscaledProductProblem& problem, int multiprocessors,
                          const KernelArgs& args, const float* bias);

// The product by one plain kernel.
void run_upscaled_product_plain(const UpscaledProductProblem& problem, const KernelArgs& args,
                                const float* bias);

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_CONV_UPSCALED_PRODUCT_KERNEL_H_
