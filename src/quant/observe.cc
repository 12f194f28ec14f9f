#include "quant/observe.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/check.h"

namespace lasso::quant {

namespace {

// Row i of a sample: fractions of multiples of the golden ratio spread evenly over any number of
// rows, and do not fall on one column of a grid of tokens.
std::int64_t sampled_row(std::int64_t i, std::int64_t rows) {
  constexpr double kGoldenRatio = 0.6180339887498949;
  const double position = (static_cast<double>(i) + 0.5) * kGoldenRatio;
  return std::min(rows - 1, static_cast<std::int64_t>((position - std::floor(position)) *
                                                      static_cast<double>(rows)));
}

Range range_of(const float* x, std::int64_t count) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  if (std::any_of(x, x + count, [](float value) { return std::isnan(value); })) return {kNan, kNan};
  const auto [least, greatest] = std::minmax_element(x, x + count);
  return {*least, *greatest};
}

}  // namespace

InputObserver::InputObserver(std::int64_t channels, std::int64_t rows_per_call)
    : rows_per_call_(rows_per_call),
      largest_(static_cast<std::size_t>(channels), 0.0F),
      kept_(static_cast<std::size_t>(channels), 0) {
  LASSO_CHECK(channels > 0 && rows_per_call > 0, ErrorCode::kInternal,
              "observing {} channels, {} rows of each call", channels, rows_per_call);
}

void InputObserver::add_channels(const float* x, std::int64_t rows, std::int64_t first,
                                 std::int64_t count) {
  const std::int64_t channels = this->channels();
  LASSO_CHECK(first >= 0 && count > 0 && count <= channels - first, ErrorCode::kInternal,
              "observing {} channels from {} on of {}", count, first, channels);
  if (rows <= 0) return;
  const Range seen = range_of(x, rows * count);
  range_ = std::isnan(seen.low) ? seen : united(range_, seen);
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* row = x + r * count;
    float* largest = largest_.data() + first;
    for (std::int64_t c = 0; c < count; ++c) largest[c] = std::max(largest[c], std::fabs(row[c]));
  }
  const std::int64_t kept = std::min(rows, rows_per_call_);
  std::int64_t* row_counts = kept_.data() + first;
  const std::int64_t before = row_counts[0];
  const std::int64_t most = *std::max_element(row_counts, row_counts + count) + kept;
  rows_.resize(std::max(rows_.size(), static_cast<std::size_t>(most * channels)));
  for (std::int64_t i = 0; i < kept; ++i) {
    const float* row = x + (kept == rows ? i : sampled_row(before + i, rows)) * count;
    for (std::int64_t c = 0; c < count; ++c) {
      rows_[static_cast<std::size_t>((row_counts[c] + i) * channels + first + c)] = row[c];
    }
  }
  for (std::int64_t c = 0; c < count; ++c) row_counts[c] += kept;
}

std::int64_t InputObserver::row_count() const {
  return static_cast<std::int64_t>(rows_.size()) / channels();
}

}  // namespace lasso::quant
