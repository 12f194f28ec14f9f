// Devices as callers name them.
#ifndef LASSO_API_DEVICES_H_
#define LASSO_API_DEVICES_H_

#include <memory>
#include <string>
#include <vector>

#include "backend/device.h"
#include "lasso/engine.h"

namespace lasso {

// "cpu", "cuda", "cuda:1", "cuda:0,1"
struct DeviceChoice {
  backend::DeviceKind kind = backend::DeviceKind::kCpu;
  std::vector<int> indices;  // of GPUs
};

// Empty: the CPU. Throws kInvalidArgument for anything else than the forms above.
DeviceChoice parse_device(const std::string& device);

// Whether a cap of instructions is a GPU's, "sm_80".
bool is_gpu_cap(const std::string& isa);

// Opens the GPUs of the options' device (all of "cuda" is "cuda:0") with their cap, limit and
// modes. Throws what kernels::DeviceLibrary::open does, and kInvalidArgument for a cap that is no
// GPU's and for reference kernels.
std::shared_ptr<const backend::DeviceSet> open_gpus(const EngineOptions& options);

}  // namespace lasso

#endif  // LASSO_API_DEVICES_H_
