// What goes into a linear layer or a convolution, observed while a network runs.
#ifndef LASSO_QUANT_OBSERVE_H_
#define LASSO_QUANT_OBSERVE_H_

#include <cstdint>
#include <vector>

#include "quant/precision_plan.h"

namespace lasso::quant {

// Of a layer's inputs x [rows, channels] over all images: max|x| of each channel, the least and the
// greatest number, and some rows. A convolution's rows are pixels.
class InputObserver {
 public:
  // Keeps `rows_per_call` rows of what each call of add() sees, or all where there are fewer.
  InputObserver(std::int64_t channels, std::int64_t rows_per_call);

  void add(const float* x, std::int64_t rows) { add_channels(x, rows, 0, channels()); }
  // Of a layer that reads several values as one, whose channels follow one another: one of them, x
  // [rows, count], whose channels begin at `first`. The rows that are kept are those of all.
  void add_channels(const float* x, std::int64_t rows, std::int64_t first, std::int64_t count);

  std::int64_t channels() const { return static_cast<std::int64_t>(largest_.size()); }
  const std::vector<float>& largest() const { return largest_; }
  // Of NaN to NaN where one was among the numbers.
  const Range& range() const { return range_; }
  const std::vector<float>& rows() const { return rows_; }  // [row_count(), channels()]
  std::int64_t row_count() const;

 private:
  std::int64_t rows_per_call_;
  std::vector<float> largest_;
  Range range_;
  std::vector<float> rows_;
  std::vector<std::int64_t> kept_;  // rows of each channel
};

}  // namespace lasso::quant

#endif  // LASSO_QUANT_OBSERVE_H_
