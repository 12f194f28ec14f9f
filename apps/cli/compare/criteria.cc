#include "cli/compare/criteria.h"

#include <fmt/format.h>

namespace lasso::app {

void Criteria::tell_divergence(const std::string& sides, const LayerDifference* first,
                               std::vector<std::string>& lines) const {
  if (!tolerance_decides || first == nullptr) return;
  lines.push_back(
      fmt::format("{} differ by more than {:g}, first in {}", sides, tolerance, first->key));
}

void Criteria::tell_elements(const std::string& sides, const LayerDifference& output,
                             std::vector<std::string>& lines) const {
  if (!elements || output.values.beyond_limits() == 0) return;
  lines.push_back(fmt::format("{} differ by more than {:g} + {:g} |B| in {} elements of {}", sides,
                              elements->atol, elements->rtol, output.values.beyond_limits(),
                              output.key));
}

}  // namespace lasso::app
