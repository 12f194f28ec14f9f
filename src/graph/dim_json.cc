#include "graph/dim_json.h"

namespace lasso::graph {

namespace {

constexpr std::size_t kMaxRank = 8;
constexpr std::size_t kMaxTerms = 8;
constexpr std::size_t kMaxDegree = 3;
constexpr int kMaxDivisions = 2;
constexpr std::int64_t kMaxCoefficient = std::int64_t{1} << 40;

std::int64_t read_coefficient(const Json& json, const std::string& where) {
  return read_integer(json, -kMaxCoefficient, kMaxCoefficient, where);
}

Dim read_dim(const Json& json, const std::string& where, int divisions);

// A symbol, or a division, of which `divisions` may still stand inside of each other.
Dim read_factor(const Json& json, const std::string& where, int divisions) {
  if (!json.is_array()) {
    std::string symbol;
    lasso::read_value(json, symbol, where);
    return Dim::symbol(symbol);
  }
  if (json.size() != 2 || divisions == 0) {
    refuse(where, "a symbol, or a dimension and its divisor");
  }
  const std::int64_t divisor = read_integer(json[1], 1, kMaxInteger, where);
  return read_dim(json[0], where, divisions - 1).floor_divided_by(divisor);
}

Dim read_dim(const Json& json, const std::string& where, int divisions) {
  if (json.is_number()) return read_coefficient(json, where);
  Dim dim = 0;
  for (const Json& entry : read_array(json, kMaxTerms, where)) {
    if (read_array(entry, kMaxDegree + 1, where).empty()) refuse(where, "terms of a dimension");
    Dim term = read_coefficient(entry[0], where);
    for (std::size_t i = 1; i < entry.size(); ++i) {
      term = term * read_factor(entry[i], where, divisions);
    }
    dim = dim + term;
  }
  return dim;
}

}  // namespace

Json write_value(const Dim& dim) {
  if (dim.is_constant()) return dim.constant();
  Json terms = Json::array();
  for (const auto& [factors, coefficient] : dim.terms()) {
    Json term = Json::array({coefficient});
    for (const Factor& factor : factors) {
      if (factor.is_symbol()) {
        term.push_back(factor.symbol());
      } else {
        term.push_back(Json::array({write_value(factor.numerator()), factor.divisor()}));
      }
    }
    terms.push_back(std::move(term));
  }
  return terms;
}

void read_value(const Json& json, Dim& dim, const std::string& where) {
  dim = read_dim(json, where, kMaxDivisions);
}

void read_value(const Json& json, Shape& shape, const std::string& where) {
  shape.clear();
  for (const Json& element : read_array(json, kMaxRank, where)) {
    read_value(element, shape.emplace_back(), where);
  }
}

}  // namespace lasso::graph
