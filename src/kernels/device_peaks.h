// The rates that a GPU reaches at most, measured.
#ifndef LASSO_KERNELS_DEVICE_PEAKS_H_
#define LASSO_KERNELS_DEVICE_PEAKS_H_

#include "lasso/machine.h"

namespace lasso::kernels {

// Of products of two matrices of 8192 x 8192 random numbers, as the best row of Linear that takes
// them computes them, and of a copy that no cache holds. Throws what DeviceLibrary::open does, and
// kOutOfMemory.
GpuPeaks measure_gpu(int index);

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_DEVICE_PEAKS_H_
