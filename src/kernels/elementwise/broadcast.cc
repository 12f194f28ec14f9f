#include "kernels/elementwise/broadcast.h"

#include <algorithm>

#include "core/check.h"

namespace lasso::kernels {

std::vector<BroadcastLoop> broadcast_loops(std::string_view op, const std::vector<Dims>& operands) {
  LASSO_CHECK(operands.size() <= kMaxOperands, ErrorCode::kInternal, "{}: {} operands", op,
              operands.size());
  std::size_t rank = 0;
  for (const Dims& dims : operands) rank = std::max(rank, dims.size());
  Places strides = {1, 1, 1};
  std::vector<BroadcastLoop> inner_first;
  for (std::size_t i = 0; i < rank; ++i) {  // from the last dimension on
    Places sizes = {1, 1, 1};
    BroadcastLoop loop;
    for (std::size_t k = 0; k < operands.size(); ++k) {
      const Dims& dims = operands[k];
      if (i < dims.size()) sizes[k] = dims[dims.size() - 1 - i];
      if (sizes[k] == 1) continue;
      LASSO_CHECK(loop.count == 1 || loop.count == sizes[k], ErrorCode::kInternal, "{}: {} and {}",
                  op, to_string(operands[0]), to_string(dims));
      loop.count = sizes[k];
      loop.strides[k] = strides[k];
      strides[k] *= sizes[k];
    }
    if (loop.count == 1) continue;
    bool runs_on = !inner_first.empty();
    for (std::size_t k = 0; k < kMaxOperands && runs_on; ++k) {
      const BroadcastLoop& last = inner_first.back();
      runs_on = loop.strides[k] == last.strides[k] * last.count;
    }
    if (runs_on) {
      inner_first.back().count *= loop.count;
    } else {
      inner_first.push_back(loop);
    }
  }
  if (inner_first.empty()) inner_first.emplace_back();
  return {inner_first.rbegin(), inner_first.rend()};
}

std::int64_t count_of(const std::vector<BroadcastLoop>& loops) {
  std::int64_t product = 1;
  for (const BroadcastLoop& loop : loops) product *= loop.count;
  return product;
}

Places places_of(const std::vector<BroadcastLoop>& loops, std::int64_t element) {
  Places places = {};
  for (std::size_t i = loops.size(); i-- > 0;) {
    const std::int64_t position = element % loops[i].count;
    element /= loops[i].count;
    for (std::size_t k = 0; k < kMaxOperands; ++k) places[k] += position * loops[i].strides[k];
  }
  return places;
}

}  // namespace lasso::kernels
