// The libraries of devices other than the CPU: each is a shared library of its own, which is loaded
// when such a device is asked for, so that programs start where there is no driver.
#ifndef LASSO_KERNELS_DEVICE_LIBRARY_H_
#define LASSO_KERNELS_DEVICE_LIBRARY_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backend/device.h"
#include "kernels/device_rows.h"
#include "lasso/machine.h"

namespace lasso::kernels {

struct DeviceOptions {
  int index = 0;
  // The highest compute capability that kernels may use, 80 for 8.0; 0: the device's own.
  int most_sm = 0;
  bool tf32 = false;  // see TargetInfo
  // Bytes of the device's memory that may be in use through this Device at a time; 0: no limit.
  std::uint64_t memory_limit = 0;
  // Every launch is waited for, so that an error names what failed; slow.
  bool synchronous = false;
};

struct DeviceInfo {
  std::string model;  // "NVIDIA H200"
  int sm = 0;
  int multiprocessors = 0;
  std::uint64_t memory_bytes = 0;
};

class DeviceLibrary {
 public:
  virtual ~DeviceLibrary() = default;

  // The devices that the driver shows. Throws kDevice where there is no driver, none that is new
  // enough, or no device.
  virtual std::vector<DeviceInfo> devices() const = 0;
  // Throws kNotFound for an index that no device has, kUnsupported for a device that is too old,
  // and what devices() throws. `target.threads` is the caller's.
  virtual std::shared_ptr<const backend::Device> open(const DeviceOptions& options) const = 0;
  virtual const DeviceRows& rows() const = 0;
  // Of one of devices(), by its index; some of it costs the driver a millisecond.
  virtual GpuState state(int index) const = 0;
  // "580.95.05, CUDA 13.0": the driver, and the newest interface that it has.
  virtual std::string driver() const = 0;
  // {"cuBLASLt": "13.0.2"}
  virtual const std::map<std::string, std::string>& libraries() const = 0;
};

// Loads it at the first call; from any thread. Throws kUnsupported where this build has none, and
// where it can't be loaded, with the loader's reason.
const DeviceLibrary& device_library(backend::DeviceKind kind);

// What a device's library exports as "lasso_device_library": null for another version of Lasso.
using GetDeviceLibrary = const DeviceLibrary* (*)(const char* version);

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_DEVICE_LIBRARY_H_
