// The arithmetic of int32, which wraps around and is never refused: for the kernels of all devices.
#ifndef LASSO_KERNELS_ELEMENTWISE_INTEGERS_H_
#define LASSO_KERNELS_ELEMENTWISE_INTEGERS_H_

#include <cstdint>

#include "graph/op.h"

namespace lasso::kernels::integers {

constexpr std::int32_t wrapped(std::uint32_t bits) { return static_cast<std::int32_t>(bits); }
constexpr std::uint32_t bits_of(std::int32_t a) { return static_cast<std::uint32_t>(a); }

constexpr std::int32_t negated(std::int32_t a) { return wrapped(0U - bits_of(a)); }
constexpr std::int32_t magnitude(std::int32_t a) { return a < 0 ? negated(a) : a; }
constexpr std::int32_t sign(std::int32_t a) { return a > 0 ? 1 : a < 0 ? -1 : 0; }

constexpr std::int32_t sum(std::int32_t a, std::int32_t b) {
  return wrapped(bits_of(a) + bits_of(b));
}
constexpr std::int32_t difference(std::int32_t a, std::int32_t b) {
  return wrapped(bits_of(a) - bits_of(b));
}
constexpr std::int32_t product(std::int32_t a, std::int32_t b) {
  return wrapped(bits_of(a) * bits_of(b));
}

// Towards zero; 0 of a division by 0.
constexpr std::int32_t quotient(std::int32_t a, std::int32_t b) {
  if (b == 0) return 0;
  return b == -1 ? negated(a) : a / b;
}

// a - b quotient(a, b), of a's sign; 0 of a division by 0.
constexpr std::int32_t rest(std::int32_t a, std::int32_t b) {
  return b == 0 || b == -1 ? 0 : a % b;
}

// What is left of the floored quotient, of b's sign.
constexpr std::int32_t modulo(std::int32_t a, std::int32_t b) {
  const std::int32_t r = rest(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

// a^b; with a negative b the quotient 1 / a^-b.
constexpr std::int32_t power(std::int32_t a, std::int32_t b) {
  if (b < 0) {
    if (a == 1) return 1;
    if (a != -1) return 0;
    return b % 2 == 0 ? 1 : -1;
  }
  std::int32_t result = 1;
  for (; b > 0; b >>= 1) {
    if (b % 2 == 1) result = product(result, a);
    a = product(a, a);
  }
  return result;
}

constexpr std::int32_t combine(graph::BinaryKind kind, std::int32_t a, std::int32_t b) {
  using graph::BinaryKind;
  switch (kind) {
    case BinaryKind::kAdd:
      return sum(a, b);
    case BinaryKind::kSub:
      return difference(a, b);
    case BinaryKind::kMul:
      return product(a, b);
    case BinaryKind::kDiv:
      return quotient(a, b);
    case BinaryKind::kMax:
      return a > b ? a : b;
    case BinaryKind::kMin:
      return a < b ? a : b;
    case BinaryKind::kPow:
      return power(a, b);
    case BinaryKind::kMod:
      return modulo(a, b);
    case BinaryKind::kFmod:
      return rest(a, b);
    case BinaryKind::kAnd:  // those of truth values
    case BinaryKind::kOr:
    case BinaryKind::kXor:
      break;
  }
  return a;
}

constexpr std::int32_t apply(graph::UnaryKind kind, std::int32_t x) {
  using graph::UnaryKind;
  if (kind == UnaryKind::kAbs) return magnitude(x);
  if (kind == UnaryKind::kNegate) return negated(x);
  return kind == UnaryKind::kSign ? sign(x) : x;
}

}  // namespace lasso::kernels::integers

namespace lasso::kernels {

// Of truth values, where a byte that is not 0 is true.
constexpr std::uint8_t combine_truths(graph::BinaryKind kind, std::uint8_t a, std::uint8_t b) {
  const bool p = a != 0;
  const bool q = b != 0;
  if (kind == graph::BinaryKind::kAnd) return p && q ? 1 : 0;
  return (kind == graph::BinaryKind::kOr ? p || q : p != q) ? 1 : 0;
}

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_ELEMENTWISE_INTEGERS_H_
