#include "image/value_range.h"

#include <algorithm>

#include "core/check.h"

namespace lasso {

void check_range(const ValueRange& range) {
  LASSO_CHECK(range.low >= 0 && range.low < range.high && range.high <= kMostValue,
              ErrorCode::kInvalidArgument,
              "range {}:{}: expected two numbers from 0 to {}, the lower one first", range.low,
              range.high, kMostValue);
}

std::uint8_t scale_value(int value, const ValueRange& range) {
  const int span = range.high - range.low;
  const int above = std::clamp(value - range.low, 0, span);
  return static_cast<std::uint8_t>((2 * 255 * above + span) / (2 * span));
}

}  // namespace lasso
