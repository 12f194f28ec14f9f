#include "graph/op_json.h"

#include <array>

namespace lasso::graph {

namespace {

// A number for all, or one for each.
template <std::size_t kCount>
std::array<std::int64_t, kCount> read_numbers(const Json& json, const std::string& where) {
  std::array<std::int64_t, kCount> values{};
  if (json.is_array()) {
    lasso::read_value(json, values, where);
  } else {
    values.fill(read_integer(json, -kMaxInteger, kMaxInteger, where));
  }
  return values;
}

}  // namespace

Json write_value(const Size2d& size) {
  if (size == Size2d(size.h)) return size.h;
  return Json::array({size.h, size.w});
}

void read_value(const Json& json, Size2d& size, const std::string& where) {
  const auto values = read_numbers<2>(json, where);
  size = {values[0], values[1]};
}

Json write_value(const Pads2d& pads) {
  if (pads == Pads2d(pads.top)) return pads.top;
  return Json::array({pads.top, pads.left, pads.bottom, pads.right});
}

void read_value(const Json& json, Pads2d& pads, const std::string& where) {
  const auto values = read_numbers<4>(json, where);
  pads = {values[0], values[1], values[2], values[3]};
}

}  // namespace lasso::graph
