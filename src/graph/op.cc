#include "graph/op.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <type_traits>

namespace lasso::graph {

const EnumNames<Activation>& names_of(EnumTag<Activation> /*tag*/) {
  static const EnumNames<Activation> names{{Activation::kNone, "none"},
                                           {Activation::kGelu, "gelu"},
                                           {Activation::kRelu, "relu"},
                                           {Activation::kSigmoid, "sigmoid"}};
  return names;
}
std::string_view to_string(Activation activation) { return name_of(activation); }

const EnumNames<BinaryKind>& names_of(EnumTag<BinaryKind> /*tag*/) {
  static const EnumNames<BinaryKind> names{{BinaryKind::kAdd, "add"}, {BinaryKind::kSub, "sub"},
                                           {BinaryKind::kMul, "mul"}, {BinaryKind::kDiv, "div"},
                                           {BinaryKind::kMax, "max"}, {BinaryKind::kMin, "min"},
                                           {BinaryKind::kPow, "pow"}};
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
                                          {UnaryKind::kCeil, "ceil"}};
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
  }
  return UnaryKind::kIdentity;
}

std::optional<Activation> activation_of(UnaryKind kind) {
  for (const auto& [activation, name] : names_of(EnumTag<Activation>())) {
    if (unary_of(activation) == kind) return activation;
  }
  return std::nullopt;
}

const EnumNames<ReduceKind>& names_of(EnumTag<ReduceKind> /*tag*/) {
  static const EnumNames<ReduceKind> names{{ReduceKind::kSum, "sum"},
                                           {ReduceKind::kMean, "mean"},
                                           {ReduceKind::kMax, "max"},
                                           {ReduceKind::kMin, "min"}};
  return names;
}
std::string_view to_string(ReduceKind kind) { return name_of(kind); }

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

// Replaces dimensions by their values.
struct Bind {
  template <typename T, typename... Hints>
  void operator()(const char* /*name*/, T& value, const Hints&... /*hints*/) const {
    if constexpr (std::is_same_v<T, Dim>) value = value.evaluate(bindings);
    if constexpr (std::is_same_v<T, Shape>) {
      for (Dim& dim : value) dim = dim.evaluate(bindings);
    }
  }
  const Bindings& bindings;
};

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
  Op result = op;
  std::visit(
      [&]<typename T>(T& o) {
        const Bind bind{bindings};
        T::fields(o, bind);
      },
      result);
  return result;
}

}  // namespace lasso::graph
