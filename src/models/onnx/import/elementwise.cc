// Operators that compute element by element.
#include <array>
#include <cmath>
#include <map>

#include "models/onnx/import/operators.h"

namespace lasso::onnx {

using graph::BinaryKind;
using graph::CompareKind;
using graph::UnaryKind;
using graph::ValueId;

namespace {

constexpr std::array<std::pair<std::string_view, UnaryKind>, 26> kUnary{{
    {"Abs", UnaryKind::kAbs},           {"Acos", UnaryKind::kAcos},
    {"Acosh", UnaryKind::kAcosh},       {"Asin", UnaryKind::kAsin},
    {"Asinh", UnaryKind::kAsinh},       {"Atan", UnaryKind::kAtan},
    {"Atanh", UnaryKind::kAtanh},       {"Ceil", UnaryKind::kCeil},
    {"Cos", UnaryKind::kCos},           {"Cosh", UnaryKind::kCosh},
    {"Erf", UnaryKind::kErf},           {"Exp", UnaryKind::kExp},
    {"Floor", UnaryKind::kFloor},       {"Log", UnaryKind::kLog},
    {"Neg", UnaryKind::kNegate},        {"Reciprocal", UnaryKind::kReciprocal},
    {"Relu", UnaryKind::kRelu},         {"Round", UnaryKind::kRound},
    {"Sigmoid", UnaryKind::kSigmoid},   {"Sign", UnaryKind::kSign},
    {"Sin", UnaryKind::kSin},           {"Sinh", UnaryKind::kSinh},
    {"Softplus", UnaryKind::kSoftplus}, {"Sqrt", UnaryKind::kSqrt},
    {"Tan", UnaryKind::kTan},           {"Tanh", UnaryKind::kTanh},
}};

constexpr std::array<std::pair<std::string_view, BinaryKind>, 8> kBinary{{
    {"Add", BinaryKind::kAdd},
    {"And", BinaryKind::kAnd},
    {"Div", BinaryKind::kDiv},
    {"Mul", BinaryKind::kMul},
    {"Or", BinaryKind::kOr},
    {"Pow", BinaryKind::kPow},
    {"Sub", BinaryKind::kSub},
    {"Xor", BinaryKind::kXor},
}};

constexpr std::array<std::pair<std::string_view, CompareKind>, 5> kCompare{{
    {"Equal", CompareKind::kEqual},
    {"Greater", CompareKind::kGreater},
    {"GreaterOrEqual", CompareKind::kGreaterEqual},
    {"Less", CompareKind::kLess},
    {"LessOrEqual", CompareKind::kLessEqual},
}};

template <typename Kind, std::size_t kSize>
Kind kind_of(const NodeContext& n,
             const std::array<std::pair<std::string_view, Kind>, kSize>& table) {
  for (const auto& [name, kind] : table) {
    if (name == n.op_type()) return kind;
  }
  n.unsupported("there is no such operator here");
}

// Integers of less than 32 bits wrap around at their own size.
ValueId narrowed(NodeContext& n, ValueId x, OnnxDataType type) {
  if (!is_integer(type)) return x;
  const auto own = lasso::dtype_of(type);
  if (!own) n.unsupported("arithmetic in {}", to_string(type));
  if (size_of(*own) >= size_of(DType::kI32)) return x;
  return n.cast(n.cast(x, *own), DType::kI32);
}

// Whether elements are computed here: those of small types wrap around, which kernels do.
bool is_wide(OnnxDataType type) {
  return type == OnnxDataType::kInt64 || type == OnnxDataType::kInt32 ||
         type == OnnxDataType::kBool;
}

void import_unary(NodeContext& n) {
  const UnaryKind kind = kind_of(n, kUnary);
  const bool of_integers =
      kind == UnaryKind::kAbs || kind == UnaryKind::kNegate || kind == UnaryKind::kSign;
  const Integers* known = n.integers(0);
  if (known != nullptr && kind == UnaryKind::kNegate && is_wide(n.type(0))) {
    if (auto negated = combine("Sub", scalar_integer(0), *known)) {
      return n.result(0, std::move(*negated), n.type(0));
    }
  }
  if (kind == UnaryKind::kRelu && is_integer(n.type(0))) {
    const ValueId zero = n.integer_constant(0);
    return n.result(0, n.binary(BinaryKind::kMax, n.value(0), zero));
  }
  if (!of_integers) n.require_float();
  n.result(0, narrowed(n, n.unary(kind, n.value(0)), n.type(0)));
}

// Both operands' elements where they are known.
std::optional<Integers> combined(NodeContext& n) {
  if (!is_wide(n.type(0)) || !is_wide(n.type(1))) return {};
  const Integers* a = n.integers(0);
  const Integers* b = n.integers(1);
  if (a == nullptr || b == nullptr) return {};
  const SymbolSet& counted = n.importer().counted_symbols();
  // Quotients of sizes are floors, which those of negative numbers are not: what a size must not
  // fall below for that (the n of (n - 5) / 2) is its least.
  if (n.op_type() == "Div") {
    for (const graph::Dim& size : a->values) {
      if (is_never_negative(size, counted)) continue;
      if (is_never_negative(graph::Dim(0) - size, counted)) continue;
      if (n.importer().is_learning()) return {};
      n.importer().require_positive(size + 1);
    }
  }
  return combine(n.op_type(), *a, *b, counted);
}

ValueId power(NodeContext& n) {
  // The exponent may be of another type.
  const DType type = inside(n.type(0));
  if (type == DType::kI32 && inside(n.type(1)) == DType::kF32) {
    const ValueId x = n.cast(n.value(0), DType::kF32);
    return n.cast(n.binary(BinaryKind::kPow, x, n.value(1)), type);
  }
  return n.binary(BinaryKind::kPow, n.value(0), n.cast(n.value(1), type));
}

void import_binary(NodeContext& n) {
  const BinaryKind kind = kind_of(n, kBinary);
  if (auto known = combined(n)) return n.result(0, std::move(*known), n.type(0));
  if (kind == BinaryKind::kPow) return n.result(0, narrowed(n, power(n), n.type(0)));
  n.result(0, narrowed(n, n.binary(kind, n.value(0), n.value(1)), n.type(0)));
}

void import_mod(NodeContext& n) {
  const bool fmod = n.integer("fmod", 0) != 0;
  if (!fmod) {
    if (auto known = combined(n)) return n.result(0, std::move(*known), n.type(0));
  }
  n.result(0, n.binary(fmod ? BinaryKind::kFmod : BinaryKind::kMod, n.value(0), n.value(1)));
}

void import_compare(NodeContext& n) {
  const CompareKind kind = kind_of(n, kCompare);
  if (auto known = combined(n)) return n.result(0, std::move(*known), OnnxDataType::kBool);
  n.result(0, n.add(graph::Compare{kind}, {n.value(0), n.value(1)}), OnnxDataType::kBool);
}

void import_not(NodeContext& n) {
  if (const Integers* known = n.integers(0)) {
    if (auto negated =
            combine("Equal", *known, scalar_integer(0), n.importer().counted_symbols())) {
      return n.result(0, std::move(*negated), n.type(0));
    }
  }
  n.result(0, n.unary(UnaryKind::kNot, n.value(0)));
}

void import_is_nan(NodeContext& n) {
  n.result(0, n.unary(UnaryKind::kIsNan, n.value(0)), OnnxDataType::kBool);
}

void import_is_inf(NodeContext& n) {
  const bool positive = n.integer("detect_positive", 1) != 0;
  const bool negative = n.integer("detect_negative", 1) != 0;
  const ValueId x = n.value(0);
  ValueId result = n.unary(UnaryKind::kIsInf, x);
  if (positive != negative || !positive) {
    const ValueId zero = n.scalar_constant(0.0F);
    ValueId side = n.add(graph::Compare{CompareKind::kGreater},
                         positive ? std::vector{x, zero} : std::vector{zero, x});
    if (!positive && !negative) {
      side = n.binary(BinaryKind::kAnd, side, n.unary(UnaryKind::kNot, side));
    }
    result = n.binary(BinaryKind::kAnd, result, side);
  }
  n.result(0, result, OnnxDataType::kBool);
}

// Max, Min, Sum and Mean of any number of inputs.
void import_variadic(NodeContext& n) {
  const std::string& op = n.op_type();
  const BinaryKind kind = op == "Max"   ? BinaryKind::kMax
                          : op == "Min" ? BinaryKind::kMin
                                        : BinaryKind::kAdd;
  n.check(n.input_count() > 0, "it has no input");
  if (n.input_count() == 2 && (op == "Max" || op == "Min")) {
    if (auto known = combined(n)) return n.result(0, std::move(*known), n.type(0));
  }
  ValueId result = n.value(0);
  for (std::size_t i = 1; i < n.input_count(); ++i) result = n.binary(kind, result, n.value(i));
  if (op == "Mean") {
    const float count = static_cast<float>(n.input_count());
    result = n.binary(BinaryKind::kDiv, result, n.scalar_constant(count));
  }
  if (n.input_count() == 1) return n.pass(0);
  n.result(0, narrowed(n, result, n.type(0)));
}

// Where: of sizes, too, which exporters choose between.
void import_where(NodeContext& n) {
  const Integers* condition = n.integers(0);
  const Integers* a = n.integers(1);
  const Integers* b = n.integers(2);
  n.check(n.type(0) == OnnxDataType::kBool, "a condition of type {}", to_string(n.type(0)));
  if (condition != nullptr && a != nullptr && b != nullptr && condition->are_numbers()) {
    const auto yes = combine("Mul", *condition, *a);
    const auto other = combine("Sub", scalar_integer(1), *condition);
    const auto no = other ? combine("Mul", *other, *b) : std::nullopt;
    if (yes && no) {
      if (auto known = combine("Add", *yes, *no)) {
        return n.result(0, std::move(*known), n.type(1));
      }
    }
  }
  n.result(0, n.add(graph::Select{}, {n.value(0), n.value(1), n.value(2)}), n.type(1));
}

void import_clip(NodeContext& n) {
  std::optional<ValueId> least;
  std::optional<ValueId> most;
  if (n.opset() < 11) {
    if (n.has_attribute("min")) least = n.scalar_constant(n.number("min", 0));
    if (n.has_attribute("max")) most = n.scalar_constant(n.number("max", 0));
  } else {
    if (n.has(1)) least = n.value(1);
    if (n.has(2)) most = n.value(2);
  }
  if (!least && !most) return n.pass(0);
  ValueId x = n.value(0);
  if (least) x = n.binary(BinaryKind::kMax, x, *least);
  if (most) x = n.binary(BinaryKind::kMin, x, *most);
  n.result(0, x);
}

// x if x > 0, else what another function says.
ValueId positive_or(NodeContext& n, ValueId x, ValueId other) {
  const ValueId condition =
      n.add(graph::Compare{CompareKind::kGreater}, {x, n.scalar_constant(0.0F)});
  return n.add(graph::Select{}, {condition, x, other});
}

// alpha (exp(x / beta) - 1)
ValueId exponential(NodeContext& n, ValueId x, float alpha, float beta) {
  const ValueId inner = beta == 1.0F ? x : n.binary(BinaryKind::kDiv, x, n.scalar_constant(beta));
  const ValueId grown = n.unary(UnaryKind::kExp, inner);
  return n.scaled(n.binary(BinaryKind::kSub, grown, n.scalar_constant(1.0F)), alpha);
}

void import_elu(NodeContext& n) {
  n.require_float();
  const ValueId x = n.value(0);
  if (n.op_type() == "Selu") {
    const float alpha = n.number("alpha", 1.67326319217681884765625F);
    const float gamma = n.number("gamma", 1.05070102214813232421875F);
    return n.result(0, n.scaled(positive_or(n, x, exponential(n, x, alpha, 1.0F)), gamma));
  }
  const float alpha = n.number("alpha", 1.0F);
  const float beta = n.op_type() == "Celu" ? alpha : 1.0F;
  n.result(0, positive_or(n, x, exponential(n, x, alpha, beta)));
}

void import_leaky_relu(NodeContext& n) {
  n.require_float();
  n.result(0, n.add(graph::LeakyRelu{n.number("alpha", 0.01F)}, {n.value(0)}));
}

void import_prelu(NodeContext& n) {
  n.require_float();
  const ValueId x = n.value(0);
  const ValueId sloped = n.binary(BinaryKind::kMul, x, n.value(1));
  const ValueId condition = n.add(graph::Compare{CompareKind::kLess}, {x, n.scalar_constant(0.0F)});
  n.result(0, n.add(graph::Select{}, {condition, sloped, x}));
}

void import_thresholded_relu(NodeContext& n) {
  n.require_float();
  const ValueId x = n.value(0);
  const ValueId alpha = n.scalar_constant(n.number("alpha", 1.0F));
  const ValueId condition = n.add(graph::Compare{CompareKind::kGreater}, {x, alpha});
  n.result(0, n.add(graph::Select{}, {condition, x, n.scalar_constant(0.0F)}));
}

ValueId hard_sigmoid(NodeContext& n, ValueId x, float alpha, float beta) {
  const ValueId line = n.binary(BinaryKind::kAdd, n.scaled(x, alpha), n.scalar_constant(beta));
  const ValueId positive = n.binary(BinaryKind::kMax, line, n.scalar_constant(0.0F));
  return n.binary(BinaryKind::kMin, positive, n.scalar_constant(1.0F));
}

void import_hard_sigmoid(NodeContext& n) {
  n.require_float();
  n.result(0, hard_sigmoid(n, n.value(0), n.number("alpha", 0.2F), n.number("beta", 0.5F)));
}

void import_hard_swish(NodeContext& n) {
  n.require_float();
  const ValueId x = n.value(0);
  n.result(0, n.binary(BinaryKind::kMul, x, hard_sigmoid(n, x, 1.0F / 6.0F, 0.5F)));
}

void import_mish(NodeContext& n) {
  n.require_float();
  const ValueId x = n.value(0);
  const ValueId gate = n.unary(UnaryKind::kTanh, n.unary(UnaryKind::kSoftplus, x));
  n.result(0, n.binary(BinaryKind::kMul, x, gate));
}

void import_swish(NodeContext& n) {
  n.require_float();
  const float alpha = n.number("alpha", 1.0F);
  const ValueId x = n.value(0);
  if (alpha == 1.0F) return n.result(0, n.unary(UnaryKind::kSilu, x));
  const ValueId gate = n.unary(UnaryKind::kSigmoid, n.scaled(x, alpha));
  n.result(0, n.binary(BinaryKind::kMul, x, gate));
}

void import_softsign(NodeContext& n) {
  n.require_float();
  const ValueId x = n.value(0);
  const ValueId size = n.unary(UnaryKind::kAbs, x);
  const ValueId below = n.binary(BinaryKind::kAdd, size, n.scalar_constant(1.0F));
  n.result(0, n.binary(BinaryKind::kDiv, x, below));
}

// The tanh form is x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).
void import_gelu(NodeContext& n) {
  n.require_float();
  const ValueId x = n.value(0);
  const std::string form = n.text("approximate", "none");
  if (form == "none") return n.result(0, n.unary(UnaryKind::kGelu, x));
  n.check(form == "tanh", "attribute approximate is \"{}\"", form);
  const ValueId cube = n.binary(BinaryKind::kMul, n.binary(BinaryKind::kMul, x, x), x);
  const ValueId inner = n.binary(BinaryKind::kAdd, x, n.scaled(cube, 0.044715F));
  const ValueId gate = n.unary(UnaryKind::kTanh, n.scaled(inner, std::sqrt(2.0F / 3.14159265F)));
  const ValueId sum = n.binary(BinaryKind::kAdd, gate, n.scalar_constant(1.0F));
  n.result(0, n.binary(BinaryKind::kMul, n.scaled(x, 0.5F), sum));
}

// Of no effect where nothing is trained; its mask is true everywhere.
void import_dropout(NodeContext& n) {
  if (n.has(2) && n.number(2, "training_mode") != 0) n.unsupported("dropout for training");
  n.pass(0);
  if (!n.wants(1)) return;
  const auto truth = std::make_shared<std::uint8_t>(std::uint8_t{1});
  const ValueId one = n.constant(Tensor{DType::kBool, {}, truth, {}});
  n.result(1, n.expand(one, n.shape(0)), OnnxDataType::kBool);
}

}  // namespace

const std::vector<Operator>& elementwise_operators() {
  static const std::vector<Operator> list = [] {
    std::vector<Operator> all{
        {"Celu", import_elu},
        {"Clip", import_clip},
        {"Dropout", import_dropout},
        {"Elu", import_elu},
        {"Gelu", import_gelu},
        {"HardSigmoid", import_hard_sigmoid},
        {"HardSwish", import_hard_swish},
        {"IsInf", import_is_inf},
        {"IsNaN", import_is_nan},
        {"LeakyRelu", import_leaky_relu},
        {"Max", import_variadic},
        {"Mean", import_variadic},
        {"Min", import_variadic},
        {"Mish", import_mish},
        {"Mod", import_mod},
        {"Not", import_not},
        {"PRelu", import_prelu},
        {"Selu", import_elu},
        {"Softsign", import_softsign},
        {"Sum", import_variadic},
        {"Swish", import_swish},
        {"ThresholdedRelu", import_thresholded_relu},
        {"Where", import_where},
    };
    for (const auto& [name, kind] : kUnary) all.push_back({name, import_unary});
    for (const auto& [name, kind] : kBinary) all.push_back({name, import_binary});
    for (const auto& [name, kind] : kCompare) all.push_back({name, import_compare});
    return all;
  }();
  return list;
}

}  // namespace lasso::onnx
