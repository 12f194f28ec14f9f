// The rows of Conv2d, and those on tiles in emulation, which any CPU runs.
#ifndef LASSO_KERNELS_CONV_CONV_TEST_ROWS_H_
#define LASSO_KERNELS_CONV_CONV_TEST_ROWS_H_

#include <vector>

#include "kernels/conv/conv_tiles.h"
#include "kernels/cpu/emulated_products.h"

namespace lasso::kernels {

inline const std::vector<Kernel<Conv2dProblem>>& conv2d_test_rows() {
  static const std::vector<Kernel<Conv2dProblem>> rows = [] {
    std::vector<Kernel<Conv2dProblem>> list = conv2d_kernels();
    // Before the last one, which is the reference.
    list.insert(list.end() - 1,
                {conv_tiles<kEmulatedBf16, DType::kBF16>("emulated_tiles", CpuFeature::kAvx2),
                 conv_tiles<kEmulatedInt8, DType::kI8>("emulated_tiles", CpuFeature::kAvx2)});
    return list;
  }();
  return rows;
}

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CONV_CONV_TEST_ROWS_H_
