#include "graph/op_json.h"

#include <fmt/format.h>

#include <array>
#include <variant>

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

Json write_op(const Op& op) {
  return std::visit(
      []<typename T>(const T& o) {
        Json json = write_fields(o);
        json["op"] = T::kName;
        return json;
      },
      op);
}

namespace {

// The alternative of Op, from `kIndex` on, that has the name.
template <std::size_t kIndex>
Op read_alternative(const std::string& name, FieldReader& reader) {
  if constexpr (kIndex == std::variant_size_v<Op>) {
    refuse(reader.where("op"), fmt::format("an operation of this release, not \"{}\"", name));
  } else {
    using T = std::variant_alternative_t<kIndex, Op>;
    if (T::kName != name) return read_alternative<kIndex + 1>(name, reader);
    T op;
    T::fields(op, reader);
    return op;
  }
}

}  // namespace

Op read_op(const std::string& name, FieldReader& reader) {
  return read_alternative<0>(name, reader);
}

}  // namespace lasso::graph
