// Sizes that give a symbol its value: the symbol itself, or a number of it.
#ifndef LASSO_GRAPH_MULTIPLE_H_
#define LASSO_GRAPH_MULTIPLE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "graph/dim.h"

namespace lasso::graph {

struct Multiple {
  std::string symbol;
  std::int64_t factor = 1;  // at least 1
};

// "32*rows" as rows and 32; nothing for other forms.
inline std::optional<Multiple> as_multiple(const Dim& dim) {
  if (dim.terms().size() != 1) return std::nullopt;
  const auto& [factors, coefficient] = *dim.terms().begin();
  if (factors.size() != 1 || !factors.front().is_symbol() || coefficient < 1) return std::nullopt;
  return Multiple{factors.front().symbol(), coefficient};
}

}  // namespace lasso::graph

#endif  // LASSO_GRAPH_MULTIPLE_H_
