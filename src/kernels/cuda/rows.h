// The rows of all families for NVIDIA GPUs.
#ifndef LASSO_KERNELS_CUDA_ROWS_H_
#define LASSO_KERNELS_CUDA_ROWS_H_

#include "kernels/device_rows.h"

namespace lasso::kernels {

DeviceRows cuda_rows();

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CUDA_ROWS_H_
