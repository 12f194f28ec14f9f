// How far apart two arrays are, gathered piece by piece.
#ifndef LASSO_CLI_COMPARE_COMPARE_LAYER_H_
#define LASSO_CLI_COMPARE_COMPARE_LAYER_H_

#include <cstdint>
#include <string>
#include <vector>

namespace lasso::app {

class Difference {
 public:
  void add(const float* a, const float* b, std::size_t count);

  // |a - b| / |b| in Euclidean norms; infinite where one side alone has a NaN or an infinity.
  double relative() const;
  double max_abs() const { return max_abs_; }
  // Of the largest difference.
  std::uint64_t index() const { return index_; }
  float a() const { return a_; }
  float b() const { return b_; }
  // NaNs and infinities.
  std::uint64_t not_finite_a() const { return not_finite_a_; }
  std::uint64_t not_finite_b() const { return not_finite_b_; }

 private:
  void take(std::uint64_t index, float a, float b, double difference);

  std::uint64_t count_ = 0;
  double squares_of_difference_ = 0;
  double squares_of_b_ = 0;
  double max_abs_ = -1;
  std::uint64_t index_ = 0;
  float a_ = 0;
  float b_ = 0;
  std::uint64_t not_finite_a_ = 0;
  std::uint64_t not_finite_b_ = 0;
};

// What is told of one layer.
struct LayerDifference {
  std::string key;  // "program/name"
  std::vector<std::int64_t> shape_a;
  std::vector<std::int64_t> shape_b;
  Difference values;  // meaningless if the shapes differ

  double relative() const;  // infinite if the shapes differ
  // "[0, 12, 3]" of the largest difference
  std::string index_text() const;
};

}  // namespace lasso::app

#endif  // LASSO_CLI_COMPARE_COMPARE_LAYER_H_
