// Errors of CUDA as exceptions, and the GPU that a thread works with.
#ifndef LASSO_BACKEND_CUDA_CUDA_CHECK_H_
#define LASSO_BACKEND_CUDA_CUDA_CHECK_H_

#include <cuda_runtime_api.h>

#include <string>

namespace lasso::cuda {

// "12.4" of 12040.
std::string version_text(int version);

// Throws the error that `status` means, kOutOfMemory or kDevice, with what was done ("the kernel
// layer_norm") and the thread's GPU in its message.
[[noreturn]] void fail(cudaError_t status, const char* what);

inline void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess) [[unlikely]]
    fail(status, what);
}

// Makes a GPU the thread's own while it lives, and then the one that was it before: callers have
// their own CUDA code.
class UseDevice {
 public:
  explicit UseDevice(int index);
  ~UseDevice();
  UseDevice(const UseDevice&) = delete;
  UseDevice& operator=(const UseDevice&) = delete;

 private:
  int before_ = -1;
};

}  // namespace lasso::cuda

// LASSO_CUDA_CHECK(cudaSomething(...)): throws unless the call succeeds; the message names it.
#define LASSO_CUDA_CHECK(call) ::lasso::cuda::check((call), #call)

#endif  // LASSO_BACKEND_CUDA_CUDA_CHECK_H_
