// The inputs of one node as the rules of result types and shapes see them: checks whose errors name
// the op and the types and shapes seen.
#ifndef LASSO_GRAPH_INPUTS_H_
#define LASSO_GRAPH_INPUTS_H_

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace lasso::graph {

// Every check throws kInvalidArgument.
class Inputs {
 public:
  Inputs(const Op& op, const std::vector<const Value*>& values) : op_(op), values_(values) {}

  std::size_t count() const { return values_.size(); }
  bool has(std::size_t i) const { return i < values_.size() && values_[i] != nullptr; }

  const Value& value(std::size_t i) const;
  const Shape& shape(std::size_t i) const { return value(i).shape; }
  DType dtype(std::size_t i) const { return value(i).dtype; }
  const Dim& last(std::size_t i) const;

  void require(bool condition, const std::string& expected) const;
  // From `least` to `most` inputs, of which the first `least` are there.
  void require_count(std::size_t least, std::size_t most) const;
  void require_rank(std::size_t i, std::size_t rank) const;
  void require_shape(std::size_t i, const Shape& expected) const;
  void require_type(std::size_t i, std::initializer_list<DType> types) const;
  // Sizes of a window on images, from 1 to 2^24, and of what surrounds these, from 0 on: that is
  // far more than any has, and products of two don't overflow.
  void require_window(std::initializer_list<std::int64_t> sizes,
                      std::initializer_list<std::int64_t> padding) const;
  // Inputs from `first` on are float32 where they are there.
  void require_float_from(std::size_t first) const;

  // NumPy's broadcasting; a symbol is taken to be anything but 1 only where both agree.
  Dim broadcast(const Dim& a, const Dim& b) const;
  Shape broadcast(const Shape& a, const Shape& b) const;

 private:
  const Op& op_;
  const std::vector<const Value*>& values_;
};

// Whether it is one that numbers can be rounded to.
inline bool is_scheme(const Affine& scheme) {
  return std::isfinite(scheme.scale) && scheme.scale >= std::numeric_limits<float>::min() &&
         scheme.zero >= 0 && scheme.zero <= 255;
}

inline Value result(DType dtype, Shape shape) {
  Value value;
  value.dtype = dtype;
  value.shape = std::move(shape);
  return value;
}

// A result in `dtype`; in uint8 it has scales of its rows beside it (see Quantize).
Results result_rows(DType dtype, Shape shape);

}  // namespace lasso::graph

#endif  // LASSO_GRAPH_INPUTS_H_
