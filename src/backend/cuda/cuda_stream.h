// A stream of an NVIDIA GPU, as kernels see it.
#ifndef LASSO_BACKEND_CUDA_CUDA_STREAM_H_
#define LASSO_BACKEND_CUDA_CUDA_STREAM_H_

#include <cuda_runtime_api.h>

#include "backend/device.h"

namespace lasso::cuda {

class CudaStream : public backend::Stream {
 public:
  virtual cudaStream_t handle() const = 0;
};

inline CudaStream& stream_of(const backend::KernelArgs& args) {
  return static_cast<CudaStream&>(*args.stream);
}

}  // namespace lasso::cuda

#endif  // LASSO_BACKEND_CUDA_CUDA_STREAM_H_
