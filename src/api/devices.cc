#include "api/devices.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "core/check.h"
#include "kernels/device_library.h"

namespace lasso {

namespace {

// The whole of the text as a number from 0 to `most`; -1 otherwise.
int number(std::string_view text, int most) {
  int value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && value >= 0 && value <= most ? value : -1;
}

// 80 of "sm_80"; 0 of nothing.
int most_sm(const std::string& isa) {
  if (isa.empty()) return 0;
  const int sm = is_gpu_cap(isa) ? number(std::string_view(isa).substr(3), 999) : -1;
  LASSO_CHECK(sm > 0, ErrorCode::kInvalidArgument,
              "isa \"{}\": on the device \"cuda\" a compute capability is expected, such as sm_80",
              isa);
  return sm;
}

}  // namespace

bool is_gpu_cap(const std::string& isa) { return isa.rfind("sm_", 0) == 0; }

DeviceChoice parse_device(const std::string& device) {
  constexpr int kMostGpus = 1024;
  DeviceChoice choice;
  if (device.empty() || device == "cpu") return choice;
  choice.kind = backend::DeviceKind::kCuda;
  choice.indices = {0};
  if (device == "cuda") return choice;
  bool right = device.rfind("cuda:", 0) == 0;
  choice.indices.clear();
  for (std::size_t begin = 5; right && begin <= device.size();) {
    const std::size_t end = std::min(device.find(',', begin), device.size());
    choice.indices.push_back(
        number(std::string_view(device).substr(begin, end - begin), kMostGpus));
    right = choice.indices.back() >= 0;
    begin = end + 1;
  }
  LASSO_CHECK(right, ErrorCode::kInvalidArgument,
              "device \"{}\": expected cpu, cuda, or cuda with GPUs, such as cuda:1 or cuda:0,1",
              device);
  return choice;
}

std::shared_ptr<const backend::DeviceSet> open_gpus(const EngineOptions& options) {
  LASSO_CHECK(options.kernels == Kernels::kFast, ErrorCode::kInvalidArgument,
              "the reference kernels run on the CPU, and the device \"{}\" is asked for",
              options.device);
  const auto& library = kernels::device_library(backend::DeviceKind::kCuda);
  std::vector<std::shared_ptr<const backend::Device>> devices;
  const std::string device = options.device.empty() ? "cuda" : options.device;
  for (const int index : parse_device(device).indices) {
    backend::DeviceOptions gpu;
    gpu.index = index;
    gpu.most_sm = most_sm(options.isa);
    gpu.tf32 = options.tf32;
    gpu.memory_limit = options.device_memory_limit;
    gpu.synchronous = options.synchronous;
    devices.push_back(library.open(gpu));
    const backend::TargetInfo& first = devices.front()->target();
    const backend::TargetInfo& last = devices.back()->target();
    LASSO_CHECK(first.sm == last.sm && devices.front()->model() == devices.back()->model(),
                ErrorCode::kUnsupported,
                "device \"{}\": {} is {} and {} is {}: one engine runs on GPUs of one model",
                options.device, devices.front()->name(), devices.front()->model(),
                devices.back()->name(), devices.back()->model());
  }
  return std::make_shared<const backend::DeviceSet>(std::move(devices));
}

}  // namespace lasso
