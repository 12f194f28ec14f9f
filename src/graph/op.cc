#include "graph/op.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <type_traits>

namespace lasso::graph {

const EnumNames<Activation>& names_of(EnumTag<Activation> /*tag*/) {
  static const EnumNames<Activation> names{
      {Activation::kNone, "none"}, {Activation::kGelu, "gelu"},
      {Activation::kRelu, "relu"}, {Activation::kSigmoid, "sigmoid"},
      {Activation::kSilu, "silu"}, {Activation::kLeakyRelu, "leaky_relu"}};
  return names;
}
std::string_view to_string(Activation activation) { return name_of(activation); }

const EnumNames<PoolKind>& names_of(EnumTag<PoolKind> /*tag*/) {
  static const EnumNames<PoolKind> names{{PoolKind::kMax, "max"}, {PoolKind::kAverage, "average"}};
  return names;
}
std::string_view to_string(PoolKind kind) { return name_of(kind); }

const EnumNames<ResizeMode>& names_of(EnumTag<ResizeMode> /*tag*/) {
  static const EnumNames<ResizeMode> names{{ResizeMode::kNearest, "nearest"},
                                           {ResizeMode::kLinear, "linear"},
                                           {ResizeMode::kCubic, "cubic"}};
  return names;
}
std::string_view to_string(ResizeMode mode) { return name_of(mode); }

const EnumNames<ResizeCoordinates>& names_of(EnumTag<ResizeCoordinates> /*tag*/) {
  static const EnumNames<ResizeCoordinates> names{
      {ResizeCoordinates::kHalfPixel, "half_pixel"},
      {ResizeCoordinates::kHalfPixelSymmetric, "half_pixel_symmetric"},
      {ResizeCoordinates::kPytorchHalfPixel, "pytorch_half_pixel"},
      {ResizeCoordinates::kAlignCorners, "align_corners"},
      {ResizeCoordinates::kAsymmetric, "asymmetric"}};
  return names;
}
std::string_view to_string(ResizeCoordinates coordinates) { return name_of(coordinates); }

const EnumNames<NearestRounding>& names_of(EnumTag<NearestRounding> /*tag*/) {
  static const EnumNames<NearestRounding> names{
      {NearestRounding::kPreferFloor, "round_prefer_floor"},
      {NearestRounding::kPreferCeil, "round_prefer_ceil"},
      {NearestRounding::kFloor, "floor"},
      {NearestRounding::kCeil, "ceil"}};
  return names;
}
std::string_view to_string(NearestRounding rounding) { return name_of(rounding); }

const EnumNames<BinaryKind>& names_of(EnumTag<BinaryKind> /*tag*/) {
  static const EnumNames<BinaryKind> names{
      {BinaryKind::kAdd, "add"}, {BinaryKind::kSub, "sub"}, {BinaryKind::kMul, "mul"},
      {BinaryKind::kDiv, "div"}, {BinaryKind::kMax, "max"}, {BinaryKind::kMin, "min"},
      {BinaryKind::kPow, "pow"}, {BinaryKind::kMod, "mod"}, {BinaryKind::kFmod, "fmod"},
      {BinaryKind::kAnd, "and"}, {BinaryKind::kOr, "or"},   {BinaryKind::kXor, "xor"}};
  return names;
}
std::string_view to_string(BinaryKind kind) { return name_of(kind); }

const EnumNames<UnaryKind>& names_of(EnumTag<UnaryKind> /*tag*/) {
  static const EnumNames<UnaryKind> names{{UnaryKind::kIdentity, "identity"},
                                          {UnaryKind::kGelu, "gelu"},
                                          {UnaryKind::kRelu, "relu"},
                                          {UnaryKind::kSigmoid, "sigmoid"},
                                          {UnaryKind::kAbs, "abs"},
                                          {UnaryKind::kNegate, "negate"},
                                          {UnaryKind::kSign, "sign"},
                                          {UnaryKind::kExp, "exp"},
                                          {UnaryKind::kLog, "log"},
                                          {UnaryKind::kSqrt, "sqrt"},
                                          {UnaryKind::kReciprocal, "reciprocal"},
                                          {UnaryKind::kSin, "sin"},
                                          {UnaryKind::kCos, "cos"},
                                          {UnaryKind::kTanh, "tanh"},
                                          {UnaryKind::kErf, "erf"},
                                          {UnaryKind::kRound, "round"},
                                          {UnaryKind::kFloor, "floor"},
                                          {UnaryKind::kCeil, "ceil"},
                                          {UnaryKind::kSilu, "silu"},
                                          {UnaryKind::kTan, "tan"},
                                          {UnaryKind::kAsin, "asin"},
                                          {UnaryKind::kAcos, "acos"},
                                          {UnaryKind::kAtan, "atan"},
                                          {UnaryKind::kSinh, "sinh"},
                                          {UnaryKind::kCosh, "cosh"},
                                          {UnaryKind::kAsinh, "asinh"},
                                          {UnaryKind::kAcosh, "acosh"},
                                          {UnaryKind::kAtanh, "atanh"},
                                          {UnaryKind::kSoftplus, "softplus"},
                                          {UnaryKind::kNot, "not"},
                                          {UnaryKind::kIsNan, "is_nan"},
                                          {UnaryKind::kIsInf, "is_inf"}};
  return names;
}
std::string_view to_string(UnaryKind kind) { return name_of(kind); }

UnaryKind unary_of(Activation activation) {
  switch (activation) {
    case Activation::kNone:
      break;
    case Activation::kGelu:
      return UnaryKind::kGelu;
    case Activation::kRelu:
      return UnaryKind::kRelu;
    case Activation::kSigmoid:
      return UnaryKind::kSigmoid;
    case Activation::kSilu:
      return UnaryKind::kSilu;
    case Activation::kLeakyRelu:  // an op of its own: LeakyRelu
      break;
  }
  return UnaryKind::kIdentity;
}

std::optional<Activation> activation_of(UnaryKind kind) {
  for (const auto& [activation, name] : names_of(EnumTag<Activation>())) {
    if (unary_of(activation) == kind) return activation;
  }
  return std::nullopt;
}

const EnumNames<CompareKind>& names_of(EnumTag<CompareKind> /*tag*/) {
  static const EnumNames<CompareKind> names{{CompareKind::kEqual, "equal"},
                                            {CompareKind::kLess, "less"},
                                            {CompareKind::kLessEqual, "less_equal"},
                                            {CompareKind::kGreater, "greater"},
                                            {CompareKind::kGreaterEqual, "greater_equal"}};
  return names;
}
std::string_view to_string(CompareKind kind) { return name_of(kind); }

const EnumNames<ReduceKind>& names_of(EnumTag<ReduceKind> /*tag*/) {
  static const EnumNames<ReduceKind> names{{ReduceKind::kSum, "sum"},
                                           {ReduceKind::kMean, "mean"},
                                           {ReduceKind::kMax, "max"},
                                           {ReduceKind::kMin, "min"},
                                           {ReduceKind::kProd, "prod"}};
  return names;
}
std::string_view to_string(ReduceKind kind) { return name_of(kind); }

const EnumNames<Reduction>& names_of(EnumTag<Reduction> /*tag*/) {
  static const EnumNames<Reduction> names{{Reduction::kNone, "none"},
                                          {Reduction::kAdd, "add"},
                                          {Reduction::kMul, "mul"},
                                          {Reduction::kMax, "max"},
                                          {Reduction::kMin, "min"}};
  return names;
}

const EnumNames<BoxCoding>& names_of(EnumTag<BoxCoding> /*tag*/) {
  static const EnumNames<BoxCoding> names{{BoxCoding::kCorners, "corners"},
                                          {BoxCoding::kCenter, "center"}};
  return names;
}

namespace {

std::string text_of(std::int64_t value) { return fmt::format("{}", value); }
std::string text_of(bool value) { return value ? "true" : "false"; }
std::string text_of(float value) { return fmt::format("{}", value); }
std::string text_of(const Size2d& size) {
  return size.h == size.w ? text_of(size.h) : fmt::format("{}x{}", size.h, size.w);
}
std::string text_of(const Pads2d& pads) {
  if (pads == Pads2d(pads.top)) return text_of(pads.top);
  return fmt::format("{},{},{},{}", pads.top, pads.left, pads.bottom, pads.right);
}
std::string text_of(const Dim& dim) { return to_string(dim); }
std::string text_of(const Shape& shape) { return to_string(shape); }
std::string text_of(const std::vector<std::int64_t>& values) {
  return fmt::format("{}", fmt::join(values, ","));
}
template <typename E>
requires std::is_enum_v<E> std::string text_of(E value) { return std::string(name_of(value)); }

// One attribute after another.
struct Texts {
  template <typename T, typename... Hints>
  void operator()(const char* /*name*/, const T& value, const Hints&... /*hints*/) {
    values.push_back(text_of(value));
  }
  std::vector<std::string> values;
};

class Printer {
 public:
  explicit Printer(std::vector<std::string> defaults) : defaults_(std::move(defaults)) {}

  template <typename T>
  void operator()(const char* name, const T& value) {
    add(name, text_of(value));
  }
  template <typename T>
  void operator()(const char* name, const T& value, IfSet /*hint*/) {
    const std::string text = text_of(value);
    if (text == defaults_[count_]) {
      ++count_;
    } else {
      add(name, text);
    }
  }
  template <typename T>
  void operator()(const char* /*name*/, const T& /*value*/, Unprinted /*hint*/) {
    ++count_;
  }
  void operator()(const char* name, std::int64_t value, ZeroIs hint) {
    add(name, value == 0 ? std::string(hint.name) : text_of(value));
  }

  std::string take() { return std::move(text_); }

 private:
  void add(const char* name, const std::string& text) {
    if (!text_.empty()) text_ += ", ";
    text_ += fmt::format("{}={}", name, text);
    ++count_;
  }

  std::vector<std::string> defaults_;
  std::size_t count_ = 0;
  std::string text_;
};

// Calls f for each dimension among the attributes.
template <typename F>
struct EachDim {
  template <typename T, typename... Hints>
  void operator()(const char* /*name*/, T& value, const Hints&... /*hints*/) const {
    if constexpr (std::is_same_v<T, Dim>) f(value);
    if constexpr (std::is_same_v<T, Shape>) std::for_each(value.begin(), value.end(), f);
  }
  const F& f;
};

template <typename F>
Op with_dims(const Op& op, const F& f) {
  Op result = op;
  std::visit(
      [&]<typename T>(T& o) {
        const EachDim<F> each{f};
        T::fields(o, each);
      },
      result);
  return result;
}

template <typename T>
std::vector<std::string> texts(const T& op) {
  Texts all;
  T::fields(op, all);
  return std::move(all.values);
}

}  // namespace

std::string_view op_name(const Op& op) {
  return std::visit(
      [](const auto& o) -> std::string_view {
        if constexpr (requires { o.name(); }) {
          return o.name();
        } else {
          return o.kName;
        }
      },
      op);
}

std::string attributes(const Op& op) {
  return std::visit(
      []<typename T>(const T& o) {
        Printer printer(texts(T{}));
        T::fields(o, printer);
        return printer.take();
      },
      op);
}

Op bound(const Op& op, const Bindings& bindings) {
  return with_dims(op, [&](Dim& dim) { dim = dim.evaluate(bindings); });
}

Op with_size(const Op& op, const std::string& symbol, const Dim& size) {
  return with_dims(op, [&](Dim& dim) { dim = dim.with(symbol, size); });
}

}  // namespace lasso::graph
