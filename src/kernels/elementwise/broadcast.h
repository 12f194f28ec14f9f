// NumPy's broadcasting as nested loops over operands.
#ifndef LASSO_KERNELS_ELEMENTWISE_BROADCAST_H_
#define LASSO_KERNELS_ELEMENTWISE_BROADCAST_H_

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/tensor.h"

namespace lasso::kernels {

constexpr std::size_t kMaxOperands = 3;
using Places = std::array<std::int64_t, kMaxOperands>;  // an element of each operand

// A stride (in elements) is 0 where the operand is repeated, and of operands that there are not.
struct BroadcastLoop {
  std::int64_t count = 1;
  Places strides = {};
};

// Outermost loop first; neighbours that run through all operands alike are merged, so that equal
// shapes make one loop. There is at least one loop, and the inner one has strides of 0 or 1.
std::vector<BroadcastLoop> broadcast_loops(std::string_view op, const std::vector<Dims>& operands);

// Of the result's elements.
std::int64_t count_of(const std::vector<BroadcastLoop>& loops);

// Where the operands stand at an element of the result.
Places places_of(const std::vector<BroadcastLoop>& loops, std::int64_t element);

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_ELEMENTWISE_BROADCAST_H_
