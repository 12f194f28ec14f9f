#include "kernels/device_library.h"

#include <dlfcn.h>
#include <unistd.h>

#include <mutex>

#include "core/check.h"
#include "lasso/version.h"

namespace lasso::kernels {

namespace {

// Beside the library or program that this code is in; empty where that is unknown.
std::string own_folder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&device_library), &info) == 0) return {};
  const std::string path = info.dli_fname == nullptr ? "" : info.dli_fname;
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash + 1);
}

const DeviceLibrary& load(const char* name) {
  // Beside this library, and where the loader looks. Of two reasons the telling one is that of a
  // file that is there: it lacks a library itself.
  const std::string beside = own_folder() + name;
  void* library = dlopen(beside.c_str(), RTLD_NOW | RTLD_LOCAL);
  std::string reason = library == nullptr ? dlerror() : "";
  if (library == nullptr) {
    library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr && access(beside.c_str(), F_OK) != 0) reason = dlerror();
  }
  LASSO_CHECK(library != nullptr, ErrorCode::kUnsupported,
              "the device \"cuda\" needs the library {}, which can't be loaded: {}", name, reason);
  const auto get = reinterpret_cast<GetDeviceLibrary>(dlsym(library, "lasso_device_library"));
  const DeviceLibrary* found = get == nullptr ? nullptr : get(LASSO_VERSION);
  LASSO_CHECK(found != nullptr, ErrorCode::kUnsupported, "the library {} is not of Lasso {}", name,
              LASSO_VERSION);
  return *found;
}

}  // namespace

const DeviceLibrary& device_library(backend::DeviceKind kind) {
  LASSO_CHECK(kind == backend::DeviceKind::kCuda, ErrorCode::kInternal,
              "the device \"{}\" has no library", to_string(kind));
  // A failure is thrown again at the next call, which tries again.
  static const DeviceLibrary& cuda = load("liblasso_cuda.so");
  return cuda;
}

}  // namespace lasso::kernels
