// A tensor that a side has sent, and how two of them compare whose dimensions may stand in another
// order.
#ifndef LASSO_CLI_COMPARE_TENSORS_TENSOR_VALUES_H_
#define LASSO_CLI_COMPARE_TENSORS_TENSOR_VALUES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "cli/compare/difference.h"
#include "cli/compare/tensors/layout.h"
#include "cli/model/child.h"

namespace lasso::app {

struct TensorValues {
  std::string name;
  std::vector<std::int64_t> shape;
  std::vector<double> values;
};

// The current record of a side.
TensorValues read_tensor(Child* side);

// The orders of dimensions in which B has A's shape, `expected` before others.
std::vector<Layout> layouts_between(const std::vector<std::int64_t>& shape_a,
                                    const std::vector<std::int64_t>& shape_b, Layout expected);

// B's dimensions are read as `layout` says.
Difference compare_values(const TensorValues& a, const TensorValues& b, Layout layout,
                          const ElementLimits& limits);

}  // namespace lasso::app

#endif  // LASSO_CLI_COMPARE_TENSORS_TENSOR_VALUES_H_
