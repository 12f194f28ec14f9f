// For the tests of kernels that broadcast.
#ifndef LASSO_KERNELS_ELEMENTWISE_BROADCAST_TEST_H_
#define LASSO_KERNELS_ELEMENTWISE_BROADCAST_TEST_H_

#include <cstddef>
#include <cstdint>

#include "core/tensor.h"

namespace lasso::kernels::test {

// The element of `dims` that stands at position `index` (row-major) of the broadcast result.
inline std::size_t broadcast_index(const Dims& dims, const Dims& result, std::int64_t index) {
  std::int64_t offset = 0;
  std::int64_t stride = 1;
  for (std::size_t i = 0; i < dims.size(); ++i) {  // from the last dimension on
    const std::int64_t size = dims[dims.size() - 1 - i];
    const std::int64_t position = index % result[result.size() - 1 - i];
    index /= result[result.size() - 1 - i];
    if (size != 1) offset += position * stride;
    stride *= size;
  }
  return static_cast<std::size_t>(offset);
}

}  // namespace lasso::kernels::test

#endif  // LASSO_KERNELS_ELEMENTWISE_BROADCAST_TEST_H_
