#include "cli/compare/compare_layer.h"

#include <cmath>
#include <limits>

#include "core/tensor.h"

namespace lasso::app {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

void Difference::take(std::uint64_t index, float a, float b, double difference) {
  if (difference <= max_abs_) return;
  max_abs_ = difference;
  index_ = index;
  a_ = a;
  b_ = b;
}

void Difference::add(const float* a, const float* b, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t index = count_ + i;
    const bool finite_a = std::isfinite(a[i]);
    const bool finite_b = std::isfinite(b[i]);
    not_finite_a_ += finite_a ? 0 : 1;
    not_finite_b_ += finite_b ? 0 : 1;
    if (finite_a && finite_b) {
      const double difference = static_cast<double>(a[i]) - static_cast<double>(b[i]);
      squares_of_difference_ += difference * difference;
      squares_of_b_ += static_cast<double>(b[i]) * static_cast<double>(b[i]);
      take(index, a[i], b[i], std::abs(difference));
    } else {
      const bool same = a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]));
      if (!same) take(index, a[i], b[i], kInfinity);
    }
  }
  count_ += count;
}

double Difference::relative() const {
  if (max_abs_ <= 0) return 0;
  if (std::isinf(max_abs_) || squares_of_b_ == 0) return kInfinity;
  return std::sqrt(squares_of_difference_ / squares_of_b_);
}

double LayerDifference::relative() const {
  return shape_a == shape_b ? values.relative() : kInfinity;
}

std::string LayerDifference::index_text() const {
  std::vector<std::int64_t> index(shape_a.size());
  std::uint64_t rest = values.index();
  for (std::size_t d = shape_a.size(); d-- > 0;) {
    const auto size = static_cast<std::uint64_t>(shape_a[d]);
    index[d] = static_cast<std::int64_t>(rest % size);
    rest /= size;
  }
  return to_string(index);
}

}  // namespace lasso::app
