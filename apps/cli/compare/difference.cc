#include "cli/compare/difference.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/tensor.h"

namespace lasso::app {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

void Difference::take(std::uint64_t index, double a, double b, double difference) {
  if (difference <= max_abs_) return;
  max_abs_ = difference;
  index_ = index;
  a_ = a;
  b_ = b;
}

void Difference::add_element(std::uint64_t index, double a, double b) {
  const bool finite_a = std::isfinite(a);
  const bool finite_b = std::isfinite(b);
  not_finite_a_ += finite_a ? 0 : 1;
  not_finite_b_ += finite_b ? 0 : 1;
  positive_both_ += a > 0 && b > 0 ? 1 : 0;
  positive_any_ += a > 0 || b > 0 ? 1 : 0;
  if (!finite_a || !finite_b) {
    const bool same = a == b || (std::isnan(a) && std::isnan(b));
    if (same) return;
    beyond_limits_ += 1;
    max_relative_ = kInfinity;
    take(index, a, b, kInfinity);
    return;
  }
  const double difference = a - b;
  const double size = std::abs(difference);
  finite_ += 1;
  squares_of_difference_ += difference * difference;
  squares_of_a_ += a * a;
  squares_of_b_ += b * b;
  product_ += a * b;
  sum_abs_ += size;
  if (b != 0) {
    not_zero_ += 1;
    sum_relative_ += size / std::abs(b);
    max_relative_ = std::max(max_relative_, size / std::abs(b));
  }
  beyond_limits_ += size > limits_.atol + limits_.rtol * std::abs(b) ? 1 : 0;
  take(index, a, b, size);
}

void Difference::add(const float* a, const float* b, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    add_element(count_ + i, static_cast<double>(a[i]), static_cast<double>(b[i]));
  }
  count_ += count;
}

void Difference::add(const double* a, const double* b, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) add_element(count_ + i, a[i], b[i]);
  count_ += count;
}

double Difference::relative() const {
  if (max_abs_ <= 0) return 0;
  if (std::isinf(max_abs_) || squares_of_b_ == 0) return kInfinity;
  return std::sqrt(squares_of_difference_ / squares_of_b_);
}

double Difference::cosine() const {
  if (squares_of_a_ == 0 && squares_of_b_ == 0) return 1;
  if (squares_of_a_ == 0 || squares_of_b_ == 0) return 0;
  return product_ / std::sqrt(squares_of_a_ * squares_of_b_);
}

std::optional<double> Difference::positive_iou() const {
  if (positive_any_ == 0) return std::nullopt;
  return static_cast<double>(positive_both_) / static_cast<double>(positive_any_);
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
