#include "models/onnx/import/integers.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <utility>

#include "lasso/error.h"

namespace lasso::onnx {

using graph::Dim;

namespace {

using Result = std::optional<Dim>;

constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();

// Towards zero, as ONNX divides integers: a floor of what is not negative, which the caller of
// combine() sees to where it isn't known.
Result quotient(const Dim& a, const Dim& b) {
  if (a.is_constant() && b.is_constant()) {
    if (b.constant() == 0 || (a.constant() == kLeast && b.constant() == -1)) return {};
    return Dim(a.constant() / b.constant());
  }
  if (auto exact = a.divided_by(b)) return exact;
  if (!b.is_constant() || b.constant() <= 0) return {};
  const Dim negated = Dim(0) - a;
  if (is_never_negative(negated, {})) return Dim(0) - negated.floor_divided_by(b.constant());
  return a.floor_divided_by(b.constant());
}

// With the sign of the divisor.
Result remainder(const Dim& a, const Dim& b) {
  if (a.is_constant() && b.is_constant()) {
    if (b.constant() == 0) return {};
    if (b.constant() == -1) return Dim(0);
    const std::int64_t rest = a.constant() % b.constant();
    return Dim(rest != 0 && (rest < 0) != (b.constant() < 0) ? rest + b.constant() : rest);
  }
  if (!b.is_constant() || b.constant() <= 0) return {};
  return a - a.floor_divided_by(b.constant()) * b;
}

Result power(const Dim& a, const Dim& b) {
  if (!b.is_constant() || b.constant() < 0 || b.constant() > 64) return {};
  Dim result = 1;
  for (std::int64_t i = 0; i < b.constant(); ++i) result = result * a;
  return result;
}

// A number of the sign of a - b, where that is the same for all sizes.
std::optional<std::int64_t> compared(const Dim& a, const Dim& b, const SymbolSet& may_be_zero) {
  const Dim difference = a - b;
  if (difference.is_constant()) return difference.constant();
  if (is_never_negative(difference - 1, may_be_zero)) return 1;
  if (is_never_negative(Dim(-1) - difference, may_be_zero)) return -1;
  return {};
}

template <typename F>
Result compare(const Dim& a, const Dim& b, const SymbolSet& may_be_zero, const F& f) {
  const auto sign = compared(a, b, may_be_zero);
  if (!sign) return {};
  return Dim(f(*sign, 0) ? 1 : 0);
}

template <typename F>
Result choose(const Dim& a, const Dim& b, const SymbolSet& may_be_zero, const F& f) {
  const auto sign = compared(a, b, may_be_zero);
  if (!sign) return {};
  return f(*sign, 0) ? a : b;
}

template <typename F>
Result decide(const Dim& a, const Dim& b, const F& f) {
  if (!a.is_constant() || !b.is_constant()) return {};
  return Dim(f(a.constant() != 0, b.constant() != 0) ? 1 : 0);
}

Result apply(std::string_view op, const Dim& a, const Dim& b, const SymbolSet& may_be_zero) {
  if (op == "Add") return a + b;
  if (op == "Sub") return a - b;
  if (op == "Mul") return a * b;
  if (op == "Div") return quotient(a, b);
  if (op == "Mod") return remainder(a, b);
  if (op == "Pow") return power(a, b);
  if (op == "Min") return choose(a, b, may_be_zero, std::less<std::int64_t>());
  if (op == "Max") return choose(a, b, may_be_zero, std::greater<std::int64_t>());
  if (op == "Equal") return compare(a, b, may_be_zero, std::equal_to<std::int64_t>());
  if (op == "Less") return compare(a, b, may_be_zero, std::less<std::int64_t>());
  if (op == "LessOrEqual") return compare(a, b, may_be_zero, std::less_equal<std::int64_t>());
  if (op == "Greater") return compare(a, b, may_be_zero, std::greater<std::int64_t>());
  if (op == "GreaterOrEqual") return compare(a, b, may_be_zero, std::greater_equal<std::int64_t>());
  if (op == "And") return decide(a, b, std::logical_and<bool>());
  if (op == "Or") return decide(a, b, std::logical_or<bool>());
  if (op == "Xor") return decide(a, b, std::not_equal_to<bool>());
  return {};
}

// The index in an operand of the element that stands at a place of the result.
std::size_t index_of(const Dims& dims, const Dims& result, std::size_t at) {
  std::size_t index = 0;
  std::size_t stride = 1;
  for (std::size_t back = 1; back <= result.size(); ++back) {
    const auto size = static_cast<std::size_t>(result[result.size() - back]);
    const std::size_t position = at % size;
    at /= size;
    if (back > dims.size()) continue;
    const auto own = static_cast<std::size_t>(dims[dims.size() - back]);
    if (own != 1) index += position * stride;
    stride *= own;
  }
  return index;
}

}  // namespace

bool Integers::are_numbers() const {
  return std::all_of(values.begin(), values.end(), [](const Dim& d) { return d.is_constant(); });
}

std::vector<std::int64_t> Integers::numbers() const {
  std::vector<std::int64_t> numbers;
  numbers.reserve(values.size());
  for (const Dim& value : values) numbers.push_back(value.constant());
  return numbers;
}

Integers scalar_integer(Dim value) { return {{}, {std::move(value)}}; }

Integers integer_list(std::vector<Dim> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  return {{count}, std::move(values)};
}

bool is_never_negative(const Dim& size, const SymbolSet& may_be_zero) {
  if (size.is_constant()) return size.constant() >= 0;
  graph::Bindings least;
  for (const auto& [factors, coefficient] : size.terms()) {
    for (const graph::Factor& factor : factors) {
      if (!factor.is_symbol()) return false;
      least[factor.symbol()] = may_be_zero.count(factor.symbol()) > 0 ? 0 : 1;
    }
  }
  return size.grows_from(least) && size.evaluate(least) >= 0;
}

std::optional<Dims> broadcast_dims(const Dims& a, const Dims& b) {
  Dims result = a.size() < b.size() ? b : a;
  const Dims& other = a.size() < b.size() ? a : b;
  for (std::size_t back = 1; back <= other.size(); ++back) {
    std::int64_t& size = result[result.size() - back];
    const std::int64_t own = other[other.size() - back];
    if (size != own && size != 1 && own != 1) return {};
    if (size == 1) size = own;
  }
  std::int64_t count = 1;
  for (const std::int64_t size : result) {
    if (__builtin_mul_overflow(count, size, &count)) return {};
  }
  if (count > kMostIntegers) return {};
  return result;
}

std::optional<Integers> combine(std::string_view op_type, const Integers& a, const Integers& b,
                                const SymbolSet& may_be_zero) {
  const auto dims = broadcast_dims(a.dims, b.dims);
  if (!dims) return {};
  Integers result{*dims, {}};
  const auto count = static_cast<std::size_t>(element_count(*dims));
  try {
    for (std::size_t i = 0; i < count; ++i) {
      auto value = apply(op_type, a.values[index_of(a.dims, *dims, i)],
                         b.values[index_of(b.dims, *dims, i)], may_be_zero);
      if (!value) return {};
      result.values.push_back(std::move(*value));
    }
  } catch (const Error& error) {
    // A coefficient that overflows, or more terms than a size has.
    if (error.code() != ErrorCode::kInvalidArgument) throw;
    return {};
  }
  return result;
}

}  // namespace lasso::onnx
