// What the structs of operations (op.h) are written with: how attributes are printed, and types of
// attributes that several have.
#ifndef LASSO_GRAPH_OP_HINTS_H_
#define LASSO_GRAPH_OP_HINTS_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/enum_names.h"

namespace lasso::graph {

struct Value;
class Inputs;
using Results = std::vector<Value>;

// How an attribute is printed, where not as name=value.
struct IfSet {};      // only where it differs from the default
struct Unprinted {};  // what the op's name or the result's shape says
struct ZeroIs {       // 0 has a name
  std::string_view name;
};

enum class Activation : std::uint8_t {
  kNone,
  kGelu,  // x * (1 + erf(x / sqrt 2)) / 2
  kRelu,  // 0 if x < 0, else x: NaN stays
  kSigmoid,
  kSilu,       // x * sigmoid(x)
  kLeakyRelu,  // kLeakySlope x if x < 0, else x: what YOLO's small models have
};
inline constexpr float kLeakySlope = 0.1F;
const EnumNames<Activation>& names_of(EnumTag<Activation> tag);
std::string_view to_string(Activation activation);

// What 8 bits stand for: the number (q - zero) scale. A scale of 0: there is no scheme.
struct Affine {
  float scale = 0;
  std::int64_t zero = 0;  // from 0 to 255

  bool operator==(const Affine&) const = default;
};

// Of height and width; one number stands for both.
struct Size2d {
  std::int64_t h = 1;
  std::int64_t w = 1;

  Size2d() = default;
  Size2d(std::int64_t both) : h(both), w(both) {}  // NOLINT(google-explicit-constructor)
  Size2d(std::int64_t height, std::int64_t width) : h(height), w(width) {}
  bool operator==(const Size2d&) const = default;
};

// What surrounds an image; one number stands for all sides.
struct Pads2d {
  std::int64_t top = 0;
  std::int64_t left = 0;
  std::int64_t bottom = 0;
  std::int64_t right = 0;

  Pads2d() = default;
  Pads2d(std::int64_t all)  // NOLINT(google-explicit-constructor)
      : top(all), left(all), bottom(all), right(all) {}
  Pads2d(std::int64_t top, std::int64_t left, std::int64_t bottom, std::int64_t right)
      : top(top), left(left), bottom(bottom), right(right) {}
  bool operator==(const Pads2d&) const = default;
};

}  // namespace lasso::graph

#endif  // LASSO_GRAPH_OP_HINTS_H_
