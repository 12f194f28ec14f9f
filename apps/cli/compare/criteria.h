// What two models may differ by.
#ifndef LASSO_CLI_COMPARE_CRITERIA_H_
#define LASSO_CLI_COMPARE_CRITERIA_H_

#include <optional>
#include <string>
#include <vector>

#include "cli/compare/difference.h"

namespace lasso::app {

struct Criteria {
  double tolerance = 1e-4;        // of |A-B| / |B| in Euclidean norms
  bool tolerance_decides = true;  // rather than only mark layers
  std::optional<ElementLimits> elements;
  std::optional<double> min_iou;

  bool diverges(const LayerDifference& layer) const { return !(layer.relative() <= tolerance); }
  // Whether an output, or a result, is too far apart.
  bool is_missed(const LayerDifference& output) const {
    if (tolerance_decides && diverges(output)) return true;
    if (!elements) return false;
    return output.shape_a != output.shape_b || output.values.beyond_limits() > 0;
  }
  // Two empty masks have no IoU, and agree.
  bool is_missed(const std::optional<double>& iou) const {
    return min_iou && iou && !(*iou >= *min_iou);
  }

  // Says to people what is missed, if it is: `sides` are both operands, `first` the first layer
  // that diverges, null for none.
  void tell_divergence(const std::string& sides, const LayerDifference* first,
                       std::vector<std::string>& lines) const;
  void tell_elements(const std::string& sides, const LayerDifference& output,
                     std::vector<std::string>& lines) const;
};

}  // namespace lasso::app

#endif  // LASSO_CLI_COMPARE_CRITERIA_H_
