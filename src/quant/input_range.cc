#include "quant/input_range.h"

#include <cmath>
#include <vector>

#include "core/check.h"
#include "quant/number_schemes.h"

namespace lasso::quant {

namespace {

double squared_error(const std::vector<float>& values, const Range& range) {
  const graph::Affine scheme = scheme_of(range);
  double sum = 0;
  for (const float x : values) {
    const auto q = static_cast<float>(quantize(x, scheme) - scheme.zero);
    const double error = static_cast<double>(q * scheme.scale) - static_cast<double>(x);
    sum += error * error;
  }
  return sum;
}

}  // namespace

InputRange search_input_range(const InputObserver& input) {
  constexpr int kSteps = 18;  // of a twentieth
  const auto [low, high] = input.range();
  LASSO_CHECK(input.row_count() > 0, ErrorCode::kInternal, "nothing was observed");
  LASSO_CHECK(std::isfinite(low) && std::isfinite(high), ErrorCode::kUnsupported,
              "numbers from {} to {} have no range", low, high);
  // A scheme has 0 among its numbers, whatever the range is: of numbers that are all positive, the
  // shorter ranges would else end before they begin.
  const Range all = united({low, high}, {0, 0});
  const double plain = squared_error(input.rows(), all);
  InputRange best{all, plain, plain};
  const auto shorten = [&](float Range::*end) {
    const Range before = best.range;
    for (int i = 1; i <= kSteps; ++i) {
      Range range = before;
      range.*end *= 1.0F - 0.05F * static_cast<float>(i);
      const double error = squared_error(input.rows(), range);
      if (error < best.error) {
        best.range = range;
        best.error = error;
      }
    }
  };
  if (all.high > 0.0F) shorten(&Range::high);
  if (all.low < 0.0F) shorten(&Range::low);
  double squares = 0;
  for (const float x : input.rows()) squares += static_cast<double>(x) * static_cast<double>(x);
  if (squares > 0) {
    best.error /= squares;
    best.plain_error /= squares;
  }
  return best;
}

}  // namespace lasso::quant
