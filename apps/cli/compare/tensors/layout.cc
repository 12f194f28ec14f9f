#include "cli/compare/tensors/layout.h"

#include <numeric>
#include <utility>

namespace lasso::app {

Layout inverse(Layout layout) {
  if (layout == Layout::kSame) return layout;
  return layout == Layout::kChannelsLast ? Layout::kChannelsFirst : Layout::kChannelsLast;
}

bool is_possible(Layout layout, std::size_t rank) { return layout == Layout::kSame || rank == 4; }

std::vector<std::size_t> places_in_a(Layout layout, std::size_t rank) {
  if (layout == Layout::kChannelsLast) return {0, 2, 3, 1};
  if (layout == Layout::kChannelsFirst) return {0, 3, 1, 2};
  std::vector<std::size_t> places(rank);
  std::iota(places.begin(), places.end(), 0);
  return places;
}

std::vector<std::int64_t> in_order_of_b(const std::vector<std::int64_t>& shape_a, Layout layout) {
  std::vector<std::int64_t> shape;
  for (const std::size_t place : places_in_a(layout, shape_a.size())) {
    shape.push_back(shape_a[place]);
  }
  return shape;
}

std::vector<std::size_t> elements_of_a(const std::vector<std::int64_t>& shape_a, Layout layout) {
  std::vector<std::size_t> strides(shape_a.size(), 1);
  for (std::size_t d = shape_a.size(); d-- > 1;) {
    strides[d - 1] = strides[d] * static_cast<std::size_t>(shape_a[d]);
  }
  // Dimension by dimension of B: each place so far becomes one for every index of the dimension.
  std::vector<std::size_t> elements = {0};
  for (const std::size_t place : places_in_a(layout, shape_a.size())) {
    std::vector<std::size_t> more;
    more.reserve(elements.size() * static_cast<std::size_t>(shape_a[place]));
    for (const std::size_t element : elements) {
      for (std::int64_t i = 0; i < shape_a[place]; ++i) {
        more.push_back(element + static_cast<std::size_t>(i) * strides[place]);
      }
    }
    elements = std::move(more);
  }
  return elements;
}

}  // namespace lasso::app
