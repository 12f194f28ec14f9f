// Operations that compute element by element (see op.h).
#ifndef LASSO_GRAPH_OP_ELEMENTWISE_H_
#define LASSO_GRAPH_OP_ELEMENTWISE_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/enum_names.h"
#include "graph/op_hints.h"

namespace lasso::graph {

enum class BinaryKind : std::uint8_t {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMax,
  kMin,
  kPow,
  kMod,   // what is left of a floored quotient: it has b's sign
  kFmod,  // of one cut towards zero: it has a's sign
  kAnd,   // of truth values; not 0 is true
  kOr,
  kXor,
};
const EnumNames<BinaryKind>& names_of(EnumTag<BinaryKind> tag);
std::string_view to_string(BinaryKind kind);

// Whether a kind is of truth values.
constexpr bool is_logical(BinaryKind kind) {
  return kind == BinaryKind::kAnd || kind == BinaryKind::kOr || kind == BinaryKind::kXor;
}

// y = activation(f(a, b)) in the type of both, NumPy's broadcasting. Activations are of float32.
// - float32: a maximum or minimum with NaN is NaN.
// - integers: results wrap around, a quotient is cut towards zero, and is 0 of a division by 0, as
//   what is left of it is; a power with a negative exponent is the quotient 1 / a^-b.
// - bool or uint8, for logical kinds alone: 0 or 1.
struct Binary {
  static constexpr std::string_view kName = "binary";
  BinaryKind kind = BinaryKind::kAdd;
  Activation activation = Activation::kNone;

  static void fields(auto& op, auto& v) {
    v("kind", op.kind, Unprinted{});
    v("activation", op.activation, IfSet{});
  }
  std::string_view name() const { return to_string(kind); }
  Results infer(const Inputs& in) const;
  bool operator==(const Binary&) const = default;
};

enum class UnaryKind : std::uint8_t {
  kIdentity,
  kGelu,  // the activations
  kRelu,
  kSigmoid,
  kAbs,
  kNegate,
  kSign,  // -1, 0 or 1
  kExp,
  kLog,
  kSqrt,
  kReciprocal,
  kSin,
  kCos,
  kTanh,
  kErf,
  kRound,  // to the nearest, ties to even
  kFloor,
  kCeil,
  kSilu,
  kTan,
  kAsin,
  kAcos,
  kAtan,
  kSinh,
  kCosh,
  kAsinh,
  kAcosh,
  kAtanh,
  kSoftplus,  // log(1 + exp x)
  kNot,       // of bool
  kIsNan,     // to bool
  kIsInf,     // to bool, of either sign
};
const EnumNames<UnaryKind>& names_of(EnumTag<UnaryKind> tag);
std::string_view to_string(UnaryKind kind);

// An activation as a function of its own, and the inverse, where there is one. kNone is the
// identity.
UnaryKind unary_of(Activation activation);
std::optional<Activation> activation_of(UnaryKind kind);

// y = f(x) in x's type, but for kinds whose result is bool. Of integers the identity, the
// magnitude, the negation and the sign alone, which wrap around.
struct Unary {
  static constexpr std::string_view kName = "unary";
  UnaryKind kind = UnaryKind::kIdentity;

  Unary() = default;
  Unary(UnaryKind kind) : kind(kind) {}  // NOLINT(google-explicit-constructor): it is nothing else
  Unary(Activation activation)           // NOLINT(google-explicit-constructor)
      : kind(unary_of(activation)) {}

  static void fields(auto& op, auto& v) { v("kind", op.kind, Unprinted{}); }
  std::string_view name() const { return to_string(kind); }
  Results infer(const Inputs& in) const;
  bool operator==(const Unary&) const = default;
};

// y = x if x > 0, else slope x: NaN stays.
struct LeakyRelu {
  static constexpr std::string_view kName = "leaky_relu";
  float slope = 0.01F;

  static void fields(auto& op, auto& v) { v("slope", op.slope); }
  Results infer(const Inputs& in) const;
  bool operator==(const LeakyRelu&) const = default;
};

enum class CompareKind : std::uint8_t { kEqual, kLess, kLessEqual, kGreater, kGreaterEqual };
const EnumNames<CompareKind>& names_of(EnumTag<CompareKind> tag);
std::string_view to_string(CompareKind kind);

// y = f(a, b), as bool, NumPy's broadcasting. a and b are of one type, float32, int32, uint8, or,
// to be equal, bool, whose values are true where not 0. NaN is equal to nothing, and neither less
// nor greater.
struct Compare {
  static constexpr std::string_view kName = "compare";
  CompareKind kind = CompareKind::kEqual;

  static void fields(auto& op, auto& v) { v("kind", op.kind, Unprinted{}); }
  std::string_view name() const { return to_string(kind); }
  Results infer(const Inputs& in) const;
  bool operator==(const Compare&) const = default;
};

// y = a where the condition is true, else b, with NumPy's broadcasting of all three.
// (condition bool, a, b) -> a's type, which is b's.
struct Select {
  static constexpr std::string_view kName = "select";

  static void fields(auto& /*op*/, auto& /*v*/) {}
  Results infer(const Inputs& in) const;
  bool operator==(const Select&) const = default;
};

}  // namespace lasso::graph

#endif  // LASSO_GRAPH_OP_ELEMENTWISE_H_
