#include "cli/compare/tensors/tensor_values.h"

#include <algorithm>

#include "cli/compare/read_values.h"

namespace lasso::app {

TensorValues read_tensor(Child* side) {
  TensorValues tensor;
  tensor.name = side->current().meta.at("name").get<std::string>();
  tensor.shape = shape_of(side->current());
  tensor.values = read_all(side);
  return tensor;
}

std::vector<Layout> layouts_between(const std::vector<std::int64_t>& shape_a,
                                    const std::vector<std::int64_t>& shape_b, Layout expected) {
  std::vector<Layout> layouts;
  for (const Layout layout :
       {expected, Layout::kSame, Layout::kChannelsLast, Layout::kChannelsFirst}) {
    const bool is_known = std::find(layouts.begin(), layouts.end(), layout) != layouts.end();
    const bool fits =
        is_possible(layout, shape_b.size()) && in_order_of_b(shape_b, inverse(layout)) == shape_a;
    if (!is_known && fits) {
      layouts.push_back(layout);
    }
  }
  return layouts;
}

Difference compare_values(const TensorValues& a, const TensorValues& b, Layout layout,
                          const ElementLimits& limits) {
  Difference difference(limits);
  if (layout == Layout::kSame) {
    difference.add(a.values.data(), b.values.data(), a.values.size());
    return difference;
  }
  std::vector<double> moved;
  moved.reserve(b.values.size());
  for (const std::size_t place : elements_of_a(b.shape, inverse(layout))) {
    moved.push_back(b.values[place]);
  }
  difference.add(a.values.data(), moved.data(), a.values.size());
  return difference;
}

}  // namespace lasso::app
