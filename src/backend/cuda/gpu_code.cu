#include <memory>
#include <new>

#include "backend/cuda/cuda_check.h"
#include "backend/cuda/gpu_code.h"

namespace lasso::cuda {

namespace {

__global__ void report(GpuCode* code) {
#ifdef __CUDA_ARCH__
  code->sm = __CUDA_ARCH__ / 10;
#endif
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  code->warp_groups = true;
#endif
}

}  // namespace

GpuCode gpu_code(int index) {
  const UseDevice use(index);
  // In the host's memory, which the kernel writes to: it takes nothing of the GPU's.
  void* memory = nullptr;
  LASSO_CUDA_CHECK(cudaMallocHost(&memory, sizeof(GpuCode)));
  const std::unique_ptr<void, decltype(&cudaFreeHost)> owner(memory, cudaFreeHost);
  auto* const code = new (memory) GpuCode;
  cudaStream_t stream = nullptr;
  LASSO_CUDA_CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  report<<<1, 1, 0, stream>>>(code);
  cudaError_t status = cudaGetLastError();
  if (status == cudaSuccess) status = cudaStreamSynchronize(stream);
  cudaStreamDestroy(stream);
  if (status == cudaErrorNoKernelImageForDevice || status == cudaErrorInvalidDeviceFunction) {
    return {};
  }
  check(status, "looking for code that it runs");
  return *code;
}

}  // namespace lasso::cuda
