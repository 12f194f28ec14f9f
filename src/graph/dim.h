// Dimensions that may hold symbols: polynomials with integer coefficients, such as points + 5 or
// 4096*prompts. The normal form is unique, so that equal dimensions compare equal.
#ifndef LASSO_GRAPH_DIM_H_
#define LASSO_GRAPH_DIM_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace lasso::graph {

// Values of symbols.
using Bindings = std::map<std::string, std::int64_t>;

class Dim {
 public:
  Dim(std::int64_t constant = 0);  // NOLINT(google-explicit-constructor): a number is a dimension
  static Dim symbol(const std::string& name);

  bool is_constant() const;
  // The value of a constant dimension; throws kInternal for one with symbols.
  std::int64_t constant() const;
  // The symbol's name if this is one symbol and nothing else.
  std::optional<std::string> as_symbol() const;
  // Throws kInternal if a symbol is not bound, kInvalidArgument on overflow.
  std::int64_t evaluate(const Bindings& bindings) const;
  // The quotient, if every coefficient is divisible.
  std::optional<Dim> divided_by(std::int64_t divisor) const;

  // Throw kInvalidArgument where a coefficient overflows or there are more than 16 terms, which no
  // model has.
  Dim operator+(const Dim& other) const;
  Dim operator-(const Dim& other) const;
  Dim operator*(const Dim& other) const;
  bool operator==(const Dim& other) const = default;

  using Monomial = std::vector<std::string>;  // sorted symbols; empty: the constant term
  const std::map<Monomial, std::int64_t>& terms() const { return terms_; }

 private:
  void add(const Monomial& symbols, std::int64_t coefficient);

  std::map<Monomial, std::int64_t> terms_;  // no zero coefficients

  friend std::string to_string(const Dim& dim);
};

std::string to_string(const Dim& dim);  // "points + 5"

using Shape = std::vector<Dim>;

std::string to_string(const Shape& shape);  // "[prompts, points + 5, 256]"
Dim product(const Shape& shape);
Dims evaluate(const Shape& shape, const Bindings& bindings);

}  // namespace lasso::graph

#endif  // LASSO_GRAPH_DIM_H_
