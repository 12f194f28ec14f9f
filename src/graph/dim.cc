#include "graph/dim.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <numeric>
#include <utility>

#include "core/check.h"

namespace lasso::graph {

struct Factor::Division {
  Dim numerator;
  std::int64_t divisor = 1;
};

Factor::Factor(Dim numerator, std::int64_t divisor)
    : division_(std::make_shared<const Division>(Division{std::move(numerator), divisor})) {}

const Dim& Factor::numerator() const { return division_->numerator; }
std::int64_t Factor::divisor() const { return division_->divisor; }

bool Factor::operator==(const Factor& other) const {
  if (is_symbol() || other.is_symbol()) {
    return is_symbol() == other.is_symbol() && symbol_ == other.symbol_;
  }
  return divisor() == other.divisor() && numerator() == other.numerator();
}

bool Factor::operator<(const Factor& other) const {
  if (is_symbol() != other.is_symbol()) return is_symbol();
  if (is_symbol()) return symbol_ < other.symbol_;
  if (divisor() != other.divisor()) return divisor() < other.divisor();
  return numerator().terms() < other.numerator().terms();
}

namespace {

std::int64_t floor_quotient(std::int64_t value, std::int64_t divisor) {
  return value / divisor - (value % divisor < 0 ? 1 : 0);
}

std::int64_t value_of(const Factor& factor, const Bindings& bindings) {
  if (!factor.is_symbol()) {
    return floor_quotient(factor.numerator().evaluate(bindings), factor.divisor());
  }
  const auto it = bindings.find(factor.symbol());
  LASSO_CHECK(it != bindings.end(), ErrorCode::kInternal, "symbol {} is not bound",
              factor.symbol());
  return it->second;
}

std::string text_of(const Factor& factor) {
  if (factor.is_symbol()) return factor.symbol();
  const std::string numerator = to_string(factor.numerator());
  if (factor.numerator().as_symbol())
    return fmt::format("floor({}/{})", numerator, factor.divisor());
  return fmt::format("floor(({})/{})", numerator, factor.divisor());
}

}  // namespace

Dim::Dim(std::int64_t constant) {
  if (constant != 0) terms_.emplace(Monomial{}, constant);
}

Dim Dim::symbol(const std::string& name) {
  Dim dim;
  dim.terms_.emplace(Monomial{Factor(name)}, 1);
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
  const auto& [factors, coefficient] = *terms_.begin();
  if (coefficient != 1 || factors.size() != 1 || !factors.front().is_symbol()) return std::nullopt;
  return factors.front().symbol();
}

std::int64_t Dim::evaluate(const Bindings& bindings) const {
  std::int64_t sum = 0;
  for (const auto& [factors, coefficient] : terms_) {
    std::int64_t product = coefficient;
    bool overflow = false;
    for (const Factor& factor : factors) {
      overflow = overflow || __builtin_mul_overflow(product, value_of(factor, bindings), &product);
    }
    overflow = overflow || __builtin_add_overflow(sum, product, &sum);
    LASSO_CHECK(!overflow, ErrorCode::kInvalidArgument, "dimension {} is too large",
                to_string(*this));
  }
  return sum;
}

std::optional<Dim> Dim::divided_by(std::int64_t divisor) const {
  Dim quotient;
  for (const auto& [factors, coefficient] : terms_) {
    if (divisor == 0 || coefficient % divisor != 0) return std::nullopt;
    quotient.terms_.emplace(factors, coefficient / divisor);
  }
  return quotient;
}

// Division of polynomials: the leading terms, by the number of factors and then by their order,
// divide each other as long as there is something left.
std::optional<Dim> Dim::divided_by(const Dim& divisor) const {
  if (divisor.terms_.empty()) return std::nullopt;
  if (divisor.is_constant()) return divided_by(divisor.constant());
  const auto leading = [](const Dim& dim) {
    return std::max_element(dim.terms_.begin(), dim.terms_.end(), [](const auto& a, const auto& b) {
      return std::pair(a.first.size(), a.first) < std::pair(b.first.size(), b.first);
    });
  };
  const auto by = leading(divisor);
  Dim rest = *this;
  Dim quotient;
  // Leading terms become smaller; the limit is far beyond what sizes need.
  constexpr int kMaxSteps = 64;
  for (int step = 0; !rest.terms_.empty(); ++step) {
    const auto first = leading(rest);
    Monomial factors;
    std::set_difference(first->first.begin(), first->first.end(), by->first.begin(),
                        by->first.end(), std::back_inserter(factors));
    if (step == kMaxSteps || factors.size() + by->first.size() != first->first.size() ||
        first->second % by->second != 0) {
      return std::nullopt;
    }
    Dim part;
    part.terms_.emplace(std::move(factors), first->second / by->second);
    quotient = quotient + part;
    rest = rest - part * divisor;
  }
  return quotient;
}

Dim Dim::with(const std::string& symbol, const Dim& size) const {
  Dim result;
  for (const auto& [factors, coefficient] : terms_) {
    Dim term = coefficient;
    for (const Factor& factor : factors) {
      if (!factor.is_symbol()) {
        term = term * factor.numerator().with(symbol, size).floor_divided_by(factor.divisor());
      } else {
        term = term * (factor.symbol() == symbol ? size : Dim::symbol(factor.symbol()));
      }
    }
    result = result + term;
  }
  return result;
}

bool Dim::has_symbol(const std::string& symbol) const {
  for (const auto& [factors, coefficient] : terms_) {
    for (const Factor& factor : factors) {
      if (factor.is_symbol() ? factor.symbol() == symbol : factor.numerator().has_symbol(symbol)) {
        return true;
      }
    }
  }
  return false;
}

std::set<std::string> Dim::symbols() const {
  std::set<std::string> symbols;
  for (const auto& [factors, coefficient] : terms_) {
    for (const Factor& factor : factors) {
      if (factor.is_symbol()) {
        symbols.insert(factor.symbol());
      } else {
        symbols.merge(factor.numerator().symbols());
      }
    }
  }
  return symbols;
}

// With coefficients c = k d + r, 0 <= r < d: floor(sum c t / d) = sum k t + floor(sum r t / d),
// since the values of terms are integers. What is left is brought to its lowest terms, where
//   floor((g m + c) / (g e)) = floor((m + floor(c / g)) / e)
//   floor((floor(x / a) + c) / b) = floor((x + a c) / (a b))
Dim Dim::floor_divided_by(std::int64_t divisor) const {
  constexpr int kMaxDepth = 2;
  LASSO_CHECK(divisor > 0, ErrorCode::kInvalidArgument, "{} is divided by {}", to_string(*this),
              divisor);
  Dim quotient;
  Dim rest;
  for (const auto& [factors, coefficient] : terms_) {
    const std::int64_t whole = floor_quotient(coefficient, divisor);
    quotient.add(factors, whole);
    rest.add(factors, coefficient - whole * divisor);
  }
  if (rest.is_constant()) return quotient;

  std::int64_t common = divisor;
  for (const auto& [factors, coefficient] : rest.terms_) {
    if (!factors.empty()) common = std::gcd(common, coefficient);
  }
  Dim numerator;
  for (const auto& [factors, coefficient] : rest.terms_) {
    numerator.add(factors, coefficient / common);
  }
  divisor /= common;

  const std::int64_t constant =
      numerator.terms_.begin()->first.empty() ? numerator.terms_.begin()->second : 0;
  const auto& [factors, coefficient] = *numerator.terms_.rbegin();
  const std::size_t constants = constant == 0 ? 0 : 1;
  if (numerator.terms_.size() == constants + 1 && coefficient == 1 && factors.size() == 1 &&
      !factors.front().is_symbol()) {
    const Factor& inner = factors.front();
    std::int64_t both = 0;
    LASSO_CHECK(!__builtin_mul_overflow(inner.divisor(), divisor, &both),
                ErrorCode::kInvalidArgument, "a dimension is divided by too much");
    return quotient + (inner.numerator() + Dim(inner.divisor()) * constant).floor_divided_by(both);
  }
  LASSO_CHECK(numerator.depth() < kMaxDepth, ErrorCode::kInvalidArgument,
              "a dimension has more than {} divisions inside of each other", kMaxDepth);
  quotient.add(Monomial{Factor(std::move(numerator), divisor)}, 1);
  return quotient;
}

// Products of factors that grow and are not negative grow.
bool Dim::grows_from(const Bindings& least) const {
  for (const auto& [factors, coefficient] : terms_) {
    if (factors.empty()) continue;
    if (coefficient < 0) return false;
    for (const Factor& factor : factors) {
      if (value_of(factor, least) < 0) return false;
      if (!factor.is_symbol() && !factor.numerator().grows_from(least)) return false;
    }
  }
  return true;
}

int Dim::depth() const {
  int depth = 0;
  for (const auto& [factors, coefficient] : terms_) {
    for (const Factor& factor : factors) {
      if (!factor.is_symbol()) depth = std::max(depth, 1 + factor.numerator().depth());
    }
  }
  return depth;
}

void Dim::add(const Monomial& factors, std::int64_t coefficient) {
  constexpr std::size_t kMaxTerms = 16;
  constexpr std::int64_t kMaxCoefficient = std::int64_t{1} << 62;
  const auto it = terms_.try_emplace(factors, 0).first;
  LASSO_CHECK(!__builtin_add_overflow(it->second, coefficient, &it->second) &&
                  it->second <= kMaxCoefficient && it->second >= -kMaxCoefficient,
              ErrorCode::kInvalidArgument, "a dimension is too large");
  if (it->second == 0) terms_.erase(it);
  LASSO_CHECK(terms_.size() <= kMaxTerms, ErrorCode::kInvalidArgument,
              "a dimension has more than {} terms", kMaxTerms);
}

Dim Dim::operator+(const Dim& other) const {
  Dim sum = *this;
  for (const auto& [factors, coefficient] : other.terms_) sum.add(factors, coefficient);
  return sum;
}

Dim Dim::operator-(const Dim& other) const { return *this + other * Dim(-1); }

Dim Dim::operator*(const Dim& other) const {
  Dim product;
  for (const auto& [left, left_coefficient] : terms_) {
    for (const auto& [right, right_coefficient] : other.terms_) {
      constexpr std::size_t kMaxFactors = 16;
      LASSO_CHECK(left.size() + right.size() <= kMaxFactors, ErrorCode::kInvalidArgument,
                  "a dimension is a product of more than {} factors", kMaxFactors);
      Monomial factors = left;
      factors.insert(factors.end(), right.begin(), right.end());
      std::sort(factors.begin(), factors.end());
      std::int64_t coefficient = 0;
      LASSO_CHECK(!__builtin_mul_overflow(left_coefficient, right_coefficient, &coefficient),
                  ErrorCode::kInvalidArgument, "a dimension is too large");
      product.add(factors, coefficient);
    }
  }
  return product;
}

// The term with the most factors first, the constant last: "4096*prompts + points + 5".
std::string to_string(const Dim& dim) {
  if (dim.terms().empty()) return "0";
  std::vector<std::pair<Dim::Monomial, std::int64_t>> terms(dim.terms().begin(), dim.terms().end());
  std::stable_sort(terms.begin(), terms.end(),
                   [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
  std::string text;
  for (const auto& [factors, coefficient] : terms) {
    if (!text.empty()) text += coefficient < 0 ? " - " : " + ";
    const std::int64_t shown = text.empty() ? coefficient : std::abs(coefficient);
    if (factors.empty()) {
      text += fmt::format("{}", shown);
      continue;
    }
    if (shown == -1) text += '-';
    if (std::abs(shown) != 1) text += fmt::format("{}*", shown);
    for (std::size_t i = 0; i < factors.size(); ++i) {
      if (i > 0) text += '*';
      text += text_of(factors[i]);
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
