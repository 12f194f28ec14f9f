// What a file's values become in a range, and ranges as text; see ValueRange.
#ifndef LASSO_IMAGE_VALUE_RANGE_H_
#define LASSO_IMAGE_VALUE_RANGE_H_

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "lasso/image.h"

namespace lasso {

inline constexpr int kMostValue = 65535;  // of any file

// What stands for the whole range of a file where ranges are text.
inline constexpr char kWholeRange[] = "full";

// "LOW:HIGH"; kWholeRange for none.
inline std::string to_text(const std::optional<ValueRange>& range) {
  return range ? std::to_string(range->low) + ':' + std::to_string(range->high) : kWholeRange;
}

// Reads "LOW:HIGH"; none for another text, or unless 0 <= low < high <= kMostValue.
inline std::optional<ValueRange> parse_value_range(std::string_view text) {
  const char* end = text.data() + text.size();
  ValueRange range{-1, -1};
  const auto [colon, low_error] = std::from_chars(text.data(), end, range.low);
  if (low_error != std::errc() || colon == end || *colon != ':') return std::nullopt;
  const auto [rest, high_error] = std::from_chars(colon + 1, end, range.high);
  const bool good = high_error == std::errc() && rest == end && range.low >= 0 &&
                    range.low < range.high && range.high <= kMostValue;
  return good ? std::optional(range) : std::nullopt;
}

// Throws kInvalidArgument unless 0 <= low < high <= kMostValue.
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
