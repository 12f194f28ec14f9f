#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>

#include "core/check.h"
#include "graph/inputs.h"

namespace lasso::graph {

const Value& Inputs::value(std::size_t i) const {
  require(has(i), fmt::format("input {} to be there", i));
  return *values_[i];
}

const Dim& Inputs::last(std::size_t i) const {
  require(!shape(i).empty(), fmt::format("input {} to have a dimension", i));
  return shape(i).back();
}

void Inputs::require(bool condition, const std::string& expected) const {
  if (condition) return;
  std::string seen;
  for (const Value* value : values_) {
    if (!seen.empty()) seen += ", ";
    seen += value == nullptr
                ? "none"
                : fmt::format("{} {}", to_string(value->dtype), to_string(value->shape));
  }
  fail(ErrorCode::kInvalidArgument, "{}({}): expected {}", op_name(op_), seen, expected);
}

void Inputs::require_count(std::size_t least, std::size_t most) const {
  require(count() >= least && count() <= most, fmt::format("{} to {} inputs", least, most));
  for (std::size_t i = 0; i < least; ++i) value(i);
}

void Inputs::require_rank(std::size_t i, std::size_t rank) const {
  require(shape(i).size() == rank, fmt::format("input {} to have {} dimensions", i, rank));
}

void Inputs::require_shape(std::size_t i, const Shape& expected) const {
  require(shape(i) == expected, fmt::format("input {} to have shape {}", i, to_string(expected)));
}

void Inputs::require_type(std::size_t i, std::initializer_list<DType> types) const {
  std::vector<std::string_view> names;
  for (const DType type : types) names.push_back(to_string(type));
  require(std::find(types.begin(), types.end(), dtype(i)) != types.end(),
          fmt::format("input {} in {}", i, fmt::join(names, " or ")));
}

void Inputs::require_window(std::initializer_list<std::int64_t> sizes,
                            std::initializer_list<std::int64_t> padding) const {
  constexpr std::int64_t kMost = std::int64_t{1} << 24;
  require(std::min(sizes) >= 1 && std::min(padding) >= 0 &&
              std::max(std::max(sizes), std::max(padding)) <= kMost,
          fmt::format("a positive window, stride and dilation and no negative padding, up to {}",
                      kMost));
}

void Inputs::require_float_from(std::size_t first) const {
  for (std::size_t i = first; i < count(); ++i) {
    if (has(i)) require_type(i, {DType::kF32});
  }
}

Dim Inputs::broadcast(const Dim& a, const Dim& b) const {
  if (a == b || b == Dim(1)) return a;
  require(a == Dim(1),
          fmt::format("dimensions {} and {} to broadcast", to_string(a), to_string(b)));
  return b;
}

Shape Inputs::broadcast(const Shape& a, const Shape& b) const {
  const std::size_t rank = std::max(a.size(), b.size());
  Shape result(rank);
  for (std::size_t i = 0; i < rank; ++i) {
    const Dim left = i + a.size() < rank ? Dim(1) : a[i + a.size() - rank];
    const Dim right = i + b.size() < rank ? Dim(1) : b[i + b.size() - rank];
    result[i] = broadcast(left, right);
  }
  return result;
}

Results result_rows(DType dtype, Shape shape) {
  if (dtype != DType::kU8) return {result(dtype, std::move(shape))};
  Shape rows(shape.begin(), shape.end() - 1);
  return {result(dtype, std::move(shape)), result(DType::kF32, std::move(rows))};
}

Results infer(const Op& op, const std::vector<const Value*>& inputs) {
  const Inputs in(op, inputs);
  return std::visit([&](const auto& o) { return o.infer(in); }, op);
}

}  // namespace lasso::graph
