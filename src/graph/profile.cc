#include "graph/profile.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/check.h"

namespace lasso::graph {

Range range_of(const Profile& profile, const std::string& symbol) {
  const auto found = profile.find(symbol);
  return found == profile.end() ? Range{} : found->second;
}

std::vector<Range> parts_of(const Range& range) {
  return range.parts.empty() ? std::vector<Range>{range} : range.parts;
}

Range joined(const std::vector<Range>& parts) {
  Range whole = parts.front();
  if (parts.size() == 1) return whole;
  for (const Range& part : parts) {
    whole.min = std::min(whole.min, part.min);
    whole.max = std::max(whole.max, part.max);
  }
  whole.parts = parts;
  return whole;
}

bool contains(const Range& range, std::int64_t size) {
  const auto is_in = [&](const Range& part) { return size >= part.min && size <= part.max; };
  return range.parts.empty() ? is_in(range)
                             : std::any_of(range.parts.begin(), range.parts.end(), is_in);
}

std::string to_string(const Range& range) {
  std::string text;
  for (const Range& part : parts_of(range)) {
    text += fmt::format("{}{} to {}", text.empty() ? "" : " or ", part.min, part.max);
  }
  return text;
}

namespace {

constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();

struct Bounds {
  std::int64_t least = 0;
  std::int64_t most = 0;
};

std::optional<Bounds> bounds_of(const Dim& dim, const Profile& profile);

std::optional<Bounds> bounds_of(const Factor& factor, const Profile& profile) {
  if (factor.is_symbol()) {
    const Range range = range_of(profile, factor.symbol());
    return Bounds{range.min, range.max};
  }
  auto bounds = bounds_of(factor.numerator(), profile);
  if (!bounds || bounds->least < 0) return {};
  return Bounds{bounds->least / factor.divisor(), bounds->most / factor.divisor()};
}

// Numbers beyond 64 bits become the largest: bounds of what is not negative stay bounds from below.
std::int64_t product_of(std::int64_t a, std::int64_t b) {
  std::int64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? kLargest : product;
}

// Products of factors that are not negative lie between the products of their bounds.
std::optional<Bounds> bounds_of(const Dim& dim, const Profile& profile) {
  Bounds sum;
  for (const auto& [factors, coefficient] : dim.terms()) {
    Bounds product{1, 1};
    for (const Factor& factor : factors) {
      const auto bounds = bounds_of(factor, profile);
      if (!bounds || bounds->least < 0) return {};
      product = {product_of(product.least, bounds->least), product_of(product.most, bounds->most)};
    }
    const bool falls = coefficient < 0;
    if (falls && product.most == kLargest) return {};
    if (falls) std::swap(product.least, product.most);
    std::int64_t least = 0;
    if (__builtin_mul_overflow(coefficient, product.least, &least)) {
      if (falls) return {};
      least = kLargest;
    }
    const std::int64_t most =
        falls ? coefficient * product.most : product_of(coefficient, product.most);
    if (__builtin_add_overflow(sum.least, least, &sum.least)) return {};
    if (__builtin_add_overflow(sum.most, most, &sum.most)) sum.most = kLargest;
  }
  return sum;
}

}  // namespace

std::optional<std::int64_t> least_value(const Dim& dim, const Profile& profile) {
  const auto bounds = bounds_of(dim, profile);
  if (!bounds) return {};
  return bounds->least;
}

void check_profile(const std::string& program, const Profile& profile) {
  for (const auto& [symbol, whole] : profile) {
    for (const Range& range : parts_of(whole)) {
      LASSO_CHECK(range.min >= 1 && range.min <= range.opt && range.opt <= range.max &&
                      range.max <= kMaxSymbol,
                  ErrorCode::kInvalidArgument,
                  "program {}: the profile of {} is {}:{}:{}, and 1 <= min <= opt <= max <= {} is "
                  "expected",
                  program, symbol, range.min, range.opt, range.max, kMaxSymbol);
    }
  }
}

void check_bindings(const std::string& program, const Profile& profile, const Bindings& bindings) {
  for (const auto& [symbol, value] : bindings) {
    const Range range = range_of(profile, symbol);
    LASSO_CHECK(contains(range, value), ErrorCode::kInvalidArgument,
                "program {}: {} is {}, and {} is expected", program, symbol, value,
                to_string(range));
  }
}

}  // namespace lasso::graph
