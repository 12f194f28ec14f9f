// NVIDIA GPUs as devices.
#ifndef LASSO_BACKEND_CUDA_CUDA_DEVICE_H_
#define LASSO_BACKEND_CUDA_CUDA_DEVICE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "backend/device.h"

namespace lasso::cuda {

// The least compute capability that kernels are built for.
constexpr int kLeastSm = 75;

// Those that the driver shows. Throws kDevice where there is no driver, an old one, or no GPU.
std::vector<backend::DeviceInfo> gpus();

// Bytes of a GPU's memory that this process has through all its Devices.
struct MemoryUse {
  std::uint64_t now = 0;
  std::uint64_t most = 0;
};
MemoryUse memory_use(int index);

// Throws kNotFound for an index beyond the GPUs, kUnsupported for a GPU below kLeastSm and a cap
// below it, and what gpus() throws.
std::shared_ptr<const backend::Device> open_gpu(const backend::DeviceOptions& options);

}  // namespace lasso::cuda

#endif  // LASSO_BACKEND_CUDA_CUDA_DEVICE_H_
