#include "quant/observe.h"

#include <algorithm>
#include <cmath>

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

}  // namespace

InputObserver::InputObserver(std::int64_t channels, std::int64_t rows_per_call)
    : rows_per_call_(rows_per_call), largest_(static_cast<std::size_t>(channels), 0.0F) {
  LASSO_CHECK(channels > 0 && rows_per_call > 0, ErrorCode::kInternal,
              "observing {} channels, {} rows of each call", channels, rows_per_call);
}

void InputObserver::add(const float* x, std::int64_t rows) {
  if (rows <= 0) return;
  const std::int64_t channels = this->channels();
  const auto [least, greatest] = std::minmax_element(x, x + rows * channels);
  const bool is_first = range_.low > range_.high;
  range_ = {is_first ? *least : std::min(range_.low, *least),
            is_first ? *greatest : std::max(range_.high, *greatest)};
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* row = x + r * channels;
    for (std::size_t c = 0; c < largest_.size(); ++c) {
      largest_[c] = std::max(largest_[c], std::fabs(row[c]));
    }
  }
  const std::int64_t kept = std::min(rows, rows_per_call_);
  const std::int64_t before = row_count();
  for (std::int64_t i = 0; i < kept; ++i) {
    const float* row = x + (kept == rows ? i : sampled_row(before + i, rows)) * channels;
    rows_.insert(rows_.end(), row, row + channels);
  }
}

std::int64_t InputObserver::row_count() const {
  return static_cast<std::int64_t>(rows_.size()) / channels();
}

}  // namespace lasso::quant
