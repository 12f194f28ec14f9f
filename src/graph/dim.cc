#include "graph/dim.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>

#include "core/check.h"

namespace lasso::graph {

Dim::Dim(std::int64_t constant) {
  if (constant != 0) terms_.emplace(Monomial{}, constant);
}

Dim Dim::symbol(const std::string& name) {
  Dim dim;
  dim.terms_.emplace(Monomial{name}, 1);
  return dim;
}

bool Dim::is_constant() const {
  return terms_.empty() || (terms_.size() == 1 && terms_.begin()->first.empty());
}

std::int64_t Dim::constant() const {
  LASSO_CHECK(is_constant(), ErrorCode::kInternal, "dimension {} is not a number",
              to_string(*this));
  return terms_.empty() ? 0 : terms_.begin()->second;
}

std::optional<std::string> Dim::as_symbol() const {
  if (terms_.size() != 1) return std::nullopt;
  const auto& [symbols, coefficient] = *terms_.begin();
  if (coefficient != 1 || symbols.size() != 1) return std::nullopt;
  return symbols.front();
}

std::int64_t Dim::evaluate(const Bindings& bindings) const {
  std::int64_t sum = 0;
  for (const auto& [symbols, coefficient] : terms_) {
    std::int64_t product = coefficient;
    bool overflow = false;
    for (const std::string& symbol : symbols) {
      const auto it = bindings.find(symbol);
      LASSO_CHECK(it != bindings.end(), ErrorCode::kInternal, "symbol {} is not bound", symbol);
      overflow = overflow || __builtin_mul_overflow(product, it->second, &product);
    }
    overflow = overflow || __builtin_add_overflow(sum, product, &sum);
    LASSO_CHECK(!overflow, ErrorCode::kInvalidArgument, "dimension {} is too large",
                to_string(*this));
  }
  return sum;
}

std::optional<Dim> Dim::divided_by(std::int64_t divisor) const {
  Dim quotient;
  for (const auto& [symbols, coefficient] : terms_) {
    if (divisor == 0 || coefficient % divisor != 0) return std::nullopt;
    quotient.terms_.emplace(symbols, coefficient / divisor);
  }
  return quotient;
}

void Dim::add(const Monomial& symbols, std::int64_t coefficient) {
  constexpr std::size_t kMaxTerms = 16;
  constexpr std::int64_t kMaxCoefficient = std::int64_t{1} << 62;
  const auto it = terms_.try_emplace(symbols, 0).first;
  LASSO_CHECK(!__builtin_add_overflow(it->second, coefficient, &it->second) &&
                  it->second <= kMaxCoefficient && it->second >= -kMaxCoefficient,
              ErrorCode::kInvalidArgument, "a dimension is too large");
  if (it->second == 0) terms_.erase(it);
  LASSO_CHECK(terms_.size() <= kMaxTerms, ErrorCode::kInvalidArgument,
              "a dimension has more than {} terms", kMaxTerms);
}

Dim Dim::operator+(const Dim& other) const {
  Dim sum = *this;
  for (const auto& [symbols, coefficient] : other.terms_) sum.add(symbols, coefficient);
  return sum;
}

Dim Dim::operator-(const Dim& other) const { return *this + other * Dim(-1); }

Dim Dim::operator*(const Dim& other) const {
  Dim product;
  for (const auto& [left, left_coefficient] : terms_) {
    for (const auto& [right, right_coefficient] : other.terms_) {
      Monomial symbols = left;
      symbols.insert(symbols.end(), right.begin(), right.end());
      std::sort(symbols.begin(), symbols.end());
      std::int64_t coefficient = 0;
      LASSO_CHECK(!__builtin_mul_overflow(left_coefficient, right_coefficient, &coefficient),
                  ErrorCode::kInvalidArgument, "a dimension is too large");
      product.add(symbols, coefficient);
    }
  }
  return product;
}

// The term with the most symbols first, the constant last: "4096*prompts + points + 5".
std::string to_string(const Dim& dim) {
  if (dim.terms_.empty()) return "0";
  std::vector<std::pair<Dim::Monomial, std::int64_t>> terms(dim.terms_.begin(), dim.terms_.end());
  std::stable_sort(terms.begin(), terms.end(),
                   [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
  std::string text;
  for (const auto& [symbols, coefficient] : terms) {
    if (!text.empty()) text += coefficient < 0 ? " - " : " + ";
    const std::int64_t shown = text.empty() ? coefficient : std::abs(coefficient);
    if (symbols.empty()) {
      text += fmt::format("{}", shown);
    } else {
      if (shown == -1) text += '-';
      if (std::abs(shown) != 1) text += fmt::format("{}*", shown);
      text += fmt::format("{}", fmt::join(symbols, "*"));
    }
  }
  return text;
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (const Dim& dim : shape) {
    if (text.size() > 1) text += ", ";
    text += to_string(dim);
  }
  return text + "]";
}

Dim product(const Shape& shape) {
  Dim result = 1;
  for (const Dim& dim : shape) result = result * dim;
  return result;
}

Dims evaluate(const Shape& shape, const Bindings& bindings) {
  Dims dims;
  dims.reserve(shape.size());
  for (const Dim& dim : shape) dims.push_back(dim.evaluate(bindings));
  return dims;
}

}  // namespace lasso::graph
