#include "backend/cuda/gpu_state.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>

#include "backend/cuda/cuda_check.h"
#include "backend/cuda/cuda_device.h"

namespace lasso::cuda {

namespace {

// NVML's interface, as far as it is used here: it is loaded with the driver's library, so that
// builds need no header of it.
using Status = int;  // 0: success
using Handle = struct nvmlDevice_st*;
enum class Clock : int { kSm = 1, kMemory = 2 };
constexpr int kTemperatureOfGpu = 0;
struct Memory {
  unsigned long long total = 0;
  unsigned long long free = 0;
  unsigned long long used = 0;
};

class Nvml {
 public:
  // Stays loaded until the process ends.
  static const Nvml& get() {
    static const Nvml nvml;
    return nvml;
  }

  // Null where NVML does not know the GPU: it counts GPUs that CUDA_VISIBLE_DEVICES hides, so that
  // the address on the bus says which one it is.
  Handle device(int index) const {
    std::array<char, 32> address{};
    check(cudaDeviceGetPCIBusId(address.data(), static_cast<int>(address.size()), index),
          "asking for its address");
    Handle handle = nullptr;
    return call("nvmlDeviceGetHandleByPciBusId_v2", address.data(), &handle) ? handle : nullptr;
  }

  // Whether there is such a function, and it succeeds.
  template <typename... Args>
  bool call(const char* function, Args... args) const {
    if (!is_set_up_) return false;
    void* const found = dlsym(library_, function);
    return found != nullptr && reinterpret_cast<Status (*)(Args...)>(found)(args...) == 0;
  }

 private:
  Nvml() : library_(dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL)) {
    if (library_ == nullptr) return;
    is_set_up_ = true;
    is_set_up_ = call("nvmlInit_v2");
  }

  void* library_;
  bool is_set_up_ = false;
};

// What a function writes into its last argument; absent where it fails.
template <typename... Args>
std::optional<int> number(const char* function, Handle device, Args... args) {
  unsigned int value = 0;
  if (!Nvml::get().call(function, device, args..., &value)) return {};
  return static_cast<int>(value);
}

std::optional<double> watts(const char* function, Handle device) {
  const std::optional<int> milliwatts = number(function, device);
  if (!milliwatts) return {};
  return *milliwatts * 1e-3;
}

}  // namespace

GpuState gpu_state(int index) {
  GpuState state;
  const MemoryUse use = memory_use(index);
  state.own_memory_bytes = use.now;
  state.most_own_memory_bytes = use.most;
  Handle device = Nvml::get().device(index);
  if (device == nullptr) return state;
  state.sm_clock_mhz = number("nvmlDeviceGetClockInfo", device, Clock::kSm);
  state.most_sm_clock_mhz = number("nvmlDeviceGetMaxClockInfo", device, Clock::kSm);
  state.memory_clock_mhz = number("nvmlDeviceGetClockInfo", device, Clock::kMemory);
  state.power_w = watts("nvmlDeviceGetPowerUsage", device);
  state.power_limit_w = watts("nvmlDeviceGetEnforcedPowerLimit", device);
  state.temperature_c = number("nvmlDeviceGetTemperature", device, kTemperatureOfGpu);
  Memory memory;
  if (Nvml::get().call("nvmlDeviceGetMemoryInfo", device, &memory)) {
    state.memory_used_bytes = memory.used;
    state.memory_bytes = memory.total;
  }
  return state;
}

std::string driver_version() {
  int cuda = 0;
  check(cudaDriverGetVersion(&cuda), "asking for the driver's version");
  std::string newest = "CUDA " + version_text(cuda);
  std::array<char, 96> driver{};
  if (!Nvml::get().call("nvmlSystemGetDriverVersion", driver.data(),
                        static_cast<unsigned int>(driver.size() - 1))) {
    return newest;
  }
  return fmt::format("{}, {}", driver.data(), newest);
}

}  // namespace lasso::cuda
