// What the driver tells of a GPU beside CUDA: by NVML, which is a part of the driver.
#ifndef LASSO_BACKEND_CUDA_GPU_STATE_H_
#define LASSO_BACKEND_CUDA_GPU_STATE_H_

#include <string>

#include "lasso/machine.h"

namespace lasso::cuda {

// Of an index that CUDA knows. All but what Lasso counts itself is absent where NVML can't be
// loaded or does not tell it.
GpuState gpu_state(int index);

// "580.95.05, CUDA 13.0": the driver and the newest CUDA that it runs.
std::string driver_version();

}  // namespace lasso::cuda

#endif  // LASSO_BACKEND_CUDA_GPU_STATE_H_
