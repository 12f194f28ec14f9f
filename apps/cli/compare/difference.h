// How far apart two arrays are, gathered piece by piece.
#ifndef LASSO_CLI_COMPARE_DIFFERENCE_H_
#define LASSO_CLI_COMPARE_DIFFERENCE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lasso::app {

// What may differ: |a - b| <= atol + rtol |b| of each element, as numpy.allclose has it.
struct ElementLimits {
  double atol = 0;
  double rtol = 0;
};

class Difference {
 public:
  explicit Difference(const ElementLimits& limits = {}) : limits_(limits) {}

  void add(const float* a, const float* b, std::size_t count);
  void add(const double* a, const double* b, std::size_t count);

  // |a - b| / |b| in Euclidean norms; infinite where one side alone has a NaN or an infinity.
  double relative() const;
  // a . b / (|a| |b|) of the elements that are finite on both sides; 1 where both are zero, 0 where
  // one is.
  double cosine() const;
  double max_abs() const { return max_abs_; }
  double mean_abs() const { return finite_ == 0 ? 0 : sum_abs_ / static_cast<double>(finite_); }
  // |a - b| / |b| of the elements where b is not 0.
  double max_element_relative() const { return max_relative_; }
  double mean_element_relative() const {
    return not_zero_ == 0 ? 0 : sum_relative_ / static_cast<double>(not_zero_);
  }
  // Of the largest difference.
  std::uint64_t index() const { return index_; }
  double a() const { return a_; }
  double b() const { return b_; }
  // NaNs and infinities.
  std::uint64_t not_finite_a() const { return not_finite_a_; }
  std::uint64_t not_finite_b() const { return not_finite_b_; }
  // Elements beyond the limits.
  std::uint64_t beyond_limits() const { return beyond_limits_; }
  // Elements above 0 on both sides, over those on any; none where there are none.
  std::optional<double> positive_iou() const;

 private:
  void add_element(std::uint64_t index, double a, double b);
  void take(std::uint64_t index, double a, double b, double difference);

  ElementLimits limits_;
  std::uint64_t count_ = 0;
  std::uint64_t finite_ = 0;  // on both sides
  std::uint64_t not_zero_ = 0;
  double squares_of_difference_ = 0;
  double squares_of_a_ = 0;
  double squares_of_b_ = 0;
  double product_ = 0;
  double sum_abs_ = 0;
  double sum_relative_ = 0;
  double max_relative_ = 0;
  double max_abs_ = -1;
  std::uint64_t index_ = 0;
  double a_ = 0;
  double b_ = 0;
  std::uint64_t not_finite_a_ = 0;
  std::uint64_t not_finite_b_ = 0;
  std::uint64_t beyond_limits_ = 0;
  std::uint64_t positive_both_ = 0;
  std::uint64_t positive_any_ = 0;
};

// What is told of one layer.
struct LayerDifference {
  std::string key;         // "program/name"
  std::string key_b = {};  // of B's side, where it is another one
  std::vector<std::int64_t> shape_a;
  std::vector<std::int64_t> shape_b;  // in A's order of dimensions
  Difference values = Difference();   // meaningless if the shapes differ

  double relative() const;  // infinite if the shapes differ
  // "[0, 12, 3]" of the largest difference
  std::string index_text() const;
};

}  // namespace lasso::app

#endif  // LASSO_CLI_COMPARE_DIFFERENCE_H_
