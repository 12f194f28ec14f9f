// Dimensions that may hold symbols: polynomials with integer coefficients in symbols and in floors
// of divisions of such polynomials, such as points + 5, 4096*prompts or floor((height + 1)/2).
#ifndef LASSO_GRAPH_DIM_H_
#define LASSO_GRAPH_DIM_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace lasso::graph {

// Values of symbols.
using Bindings = std::map<std::string, std::int64_t>;

class Dim;

// What terms are products of: a symbol, or floor(numerator / divisor).
class Factor {
 public:
  explicit Factor(std::string symbol) : symbol_(std::move(symbol)) {}
  Factor(Dim numerator, std::int64_t divisor);

  bool is_symbol() const { return division_ == nullptr; }
  const std::string& symbol() const { return symbol_; }  // empty for a division
  // Of a division.
  const Dim& numerator() const;
  std::int64_t divisor() const;

  bool operator==(const Factor& other) const;
  bool operator<(const Factor& other) const;  // symbols by name, then divisions

 private:
  struct Division;

  std::string symbol_;
  std::shared_ptr<const Division> division_;
};

// The normal form of polynomials is unique, so that equal ones compare equal. That of divisions
// takes out what divides, common factors, and a division inside of a division; two floors that are
// equal for other reasons may compare unequal.
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
  // The same by a polynomial; nothing where a rest is left.
  std::optional<Dim> divided_by(const Dim& divisor) const;
  // With another size in the place of a symbol.
  Dim with(const std::string& symbol, const Dim& size) const;
  bool has_symbol(const std::string& symbol) const;
  std::set<std::string> symbols() const;  // of all terms, those of divisions included
  // floor(this / divisor), towards minus infinity. Throws kInvalidArgument for a divisor below 1
  // and for more than two divisions inside of each other.
  Dim floor_divided_by(std::int64_t divisor) const;
  // Whether its form shows that it does not shrink where a symbol grows from its value in `least`.
  bool grows_from(const Bindings& least) const;
  // How many divisions stand inside of each other at most.
  int depth() const;

  // Throw kInvalidArgument where a coefficient overflows or there are more than 16 terms, which no
  // model has.
  Dim operator+(const Dim& other) const;
  Dim operator-(const Dim& other) const;
  Dim operator*(const Dim& other) const;
  bool operator==(const Dim& other) const = default;

  using Monomial = std::vector<Factor>;  // sorted; empty: the constant term
  const std::map<Monomial, std::int64_t>& terms() const { return terms_; }

 private:
  void add(const Monomial& factors, std::int64_t coefficient);

  std::map<Monomial, std::int64_t> terms_;  // no zero coefficients
};

std::string to_string(const Dim& dim);  // "points + 5"

using Shape = std::vector<Dim>;

std::string to_string(const Shape& shape);  // "[prompts, points + 5, 256]"
Dim product(const Shape& shape);
Dims evaluate(const Shape& shape, const Bindings& bindings);

}  // namespace lasso::graph

#endif  // LASSO_GRAPH_DIM_H_
