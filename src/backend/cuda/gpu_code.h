// Which of this library's code runs on a GPU.
#ifndef LASSO_BACKEND_CUDA_GPU_CODE_H_
#define LASSO_BACKEND_CUDA_GPU_CODE_H_

namespace lasso::cuda {

// For which GPUs the code was compiled that runs on one: it may be an older one's, which the driver
// translated or which the GPU executes as it is. What that one lacks, the code does without.
struct GpuCode {
  int sm = 0;                // 80 for compute capability 8.0; 0 where there is no code that it runs
  bool warp_groups = false;  // whether it has products of warp groups, as for sm_90a
};

// Of the GPU `index`, which runs a kernel to answer.
GpuCode gpu_code(int index);

}  // namespace lasso::cuda

#endif  // LASSO_BACKEND_CUDA_GPU_CODE_H_
