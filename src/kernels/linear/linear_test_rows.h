// The rows of Linear, and those on tiles in emulation, which any CPU runs.
#ifndef LASSO_KERNELS_LINEAR_LINEAR_TEST_ROWS_H_
#define LASSO_KERNELS_LINEAR_LINEAR_TEST_ROWS_H_

#include <vector>

#include "kernels/cpu/emulated_products.h"
#include "kernels/linear/linear_tiles.h"

namespace lasso::kernels {

inline const std::vector<Kernel<LinearProblem>>& linear_test_rows() {
  static const std::vector<Kernel<LinearProblem>> rows = [] {
    std::vector<Kernel<LinearProblem>> list = linear_kernels();
    // Before the last one, which is the reference.
    list.insert(list.end() - 1,
                {linear_tiles<kEmulatedBf16, DType::kBF16>("emulated_tiles", CpuFeature::kAvx2),
                 linear_tiles<kEmulatedInt8, DType::kI8>("emulated_tiles", CpuFeature::kAvx2)});
    return list;
  }();
  return rows;
}

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_LINEAR_LINEAR_TEST_ROWS_H_
