#include "backend/cuda/cuda_check.h"

#include <string>

#include "core/check.h"

namespace lasso::cuda {

namespace {

std::string reason(cudaError_t status) {
  if (status == cudaErrorInsufficientDriver) {
    int driver = 0;
    cudaDriverGetVersion(&driver);
    if (driver == 0) return "no NVIDIA driver is installed";
    return fmt::format("the NVIDIA driver is for CUDA {}, and CUDA {} is needed: update the driver",
                       version_text(driver), version_text(CUDART_VERSION));
  }
  if (status == cudaErrorNoDevice) return "there is no NVIDIA GPU, or none that may be used";
  return fmt::format("{} ({})", cudaGetErrorString(status), cudaGetErrorName(status));
}

}  // namespace

std::string version_text(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

void fail(cudaError_t status, const char* what) {
  cudaGetLastError();  // What is no longer wrong must not be reported again.
  if (status == cudaErrorInsufficientDriver || status == cudaErrorNoDevice) {
    lasso::fail(ErrorCode::kDevice, "device \"cuda\": {}", reason(status));
  }
  // Which GPU is the thread's is not known where CUDA itself can't be used, as in a forked child.
  int index = -1;
  const bool is_known = cudaGetDevice(&index) == cudaSuccess;
  lasso::fail(status == cudaErrorMemoryAllocation ? ErrorCode::kOutOfMemory : ErrorCode::kDevice,
              "{}: {}: {}", is_known ? fmt::format("cuda:{}", index) : "device \"cuda\"", what,
              reason(status));
}

UseDevice::UseDevice(int index) {
  LASSO_CUDA_CHECK(cudaGetDevice(&before_));
  if (before_ == index) {
    before_ = -1;
  } else {
    LASSO_CUDA_CHECK(cudaSetDevice(index));
  }
}

UseDevice::~UseDevice() {
  if (before_ >= 0) cudaSetDevice(before_);
}

}  // namespace lasso::cuda
