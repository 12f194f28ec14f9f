#include "graph/dim_json.h"

namespace lasso::graph {

namespace {

constexpr std::size_t kMaxRank = 8;
constexpr std::size_t kMaxTerms = 8;
constexpr std::size_t kMaxDegree = 3;
constexpr std::int64_t kMaxCoefficient = std::int64_t{1} << 40;

std::int64_t read_coefficient(const Json& json, const std::string& where) {
  return read_integer(json, -kMaxCoefficient, kMaxCoefficient, where);
}

}  // namespace

Json write_value(const Dim& dim) {
  if (dim.is_constant()) return dim.constant();
  Json terms = Json::array();
  for (const auto& [symbols, coefficient] : dim.terms()) {
    Json term = Json::array({coefficient});
    for (const std::string& symbol : symbols) term.push_back(symbol);
    terms.push_back(std::move(term));
  }
  return terms;
}

void read_value(const Json& json, Dim& dim, const std::string& where) {
  if (json.is_number()) {
    dim = read_coefficient(json, where);
    return;
  }
  dim = 0;
  for (const Json& entry : read_array(json, kMaxTerms, where)) {
    if (read_array(entry, kMaxDegree + 1, where).empty()) refuse(where, "terms of a dimension");
    Dim term = read_coefficient(entry[0], where);
    for (std::size_t i = 1; i < entry.size(); ++i) {
      std::string symbol;
      lasso::read_value(entry[i], symbol, where);
      term = term * Dim::symbol(symbol);
    }
    dim = dim + term;
  }
}

void read_value(const Json& json, Shape& shape, const std::string& where) {
  shape.clear();
  for (const Json& element : read_array(json, kMaxRank, where)) {
    read_value(element, shape.emplace_back(), where);
  }
}

}  // namespace lasso::graph
