// What liblasso_cuda.so exports.
#include <cublasLt.h>

#include <cstring>

#include "backend/cuda/cuda_device.h"
#include "backend/cuda/gpu_state.h"
#include "core/check.h"
#include "kernels/cuda/rows.h"
#include "kernels/device_library.h"
#include "lasso/export.h"
#include "lasso/version.h"

namespace lasso::kernels {

namespace {

class CudaLibrary final : public DeviceLibrary {
 public:
  std::vector<backend::DeviceInfo> devices() const override { return cuda::gpus(); }
  std::shared_ptr<const backend::Device> open(
      const backend::DeviceOptions& options) const override {
    return cuda::open_gpu(options);
  }
  const DeviceRows& rows() const override { return rows_; }
  GpuState state(int index) const override { return cuda::gpu_state(index); }
  std::string driver() const override { return cuda::driver_version(); }
  const std::map<std::string, std::string>& libraries() const override { return libraries_; }

 private:
  static std::string cublas_version() {
    const std::size_t version = cublasLtGetVersion();
    return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
  }

  DeviceRows rows_ = cuda_rows();
  std::map<std::string, std::string> libraries_{{"cuBLASLt", cublas_version()}};
};

}  // namespace

}  // namespace lasso::kernels

extern "C" LASSO_EXPORT const lasso::kernels::DeviceLibrary* lasso_device_library(
    const char* version) {
  if (std::strcmp(version, LASSO_VERSION) != 0) return nullptr;
  static const lasso::kernels::CudaLibrary library;
  return &library;
}
