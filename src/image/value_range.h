// What a file's values become in a range; see ValueRange.
#ifndef LASSO_IMAGE_VALUE_RANGE_H_
#define LASSO_IMAGE_VALUE_RANGE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "lasso/image.h"

namespace lasso {

// Throws kInvalidArgument unless 0 <= low < high <= 65535.
void check_range(const ValueRange& range);

std::uint8_t scale_value(int value, const ValueRange& range);

// What each value below `count` (256 or 65536) becomes: by the range if there is one, else
// full(value).
template <typename Full>
std::vector<std::uint8_t> value_table(int count, const std::optional<ValueRange>& range,
                                      const Full& full) {
  std::vector<std::uint8_t> table;
  table.reserve(static_cast<std::size_t>(count));
  for (int value = 0; value < count; ++value) {
    table.push_back(range ? scale_value(value, *range) : full(value));
  }
  return table;
}

}  // namespace lasso

#endif  // LASSO_IMAGE_VALUE_RANGE_H_
