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

class DeviceLibrary {
 public:
  virtual ~DeviceLibrary() = default;

  // The devices that the driver shows. Throws kDevice where there is no driver, none that is new
  // enough, or no device.
  virtual std::vector<backend::DeviceInfo> devices() const = 0;
  // Throws kNotFound for an index that no device has, kUnsupported for a device that is too old,
  // and what devices() throws. The target says nothing of the host: its features and threads are
  // the caller's to set.
  virtual std::shared_ptr<const backend::Device> open(
      const backend::DeviceOptions& options) const = 0;
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
