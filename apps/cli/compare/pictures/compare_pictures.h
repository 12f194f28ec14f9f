// Two SAM models on one picture and prompt, layer by layer.
#ifndef LASSO_CLI_COMPARE_PICTURES_COMPARE_PICTURES_H_
#define LASSO_CLI_COMPARE_PICTURES_COMPARE_PICTURES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/compare/compare_side.h"
#include "cli/compare/criteria.h"
#include "cli/compare/difference.h"
#include "cli/console.h"
#include "common/json_text.h"

namespace lasso::app {

struct MaskDifference {
  std::optional<double> iou;  // none where both masks are empty
  std::int64_t pixels = 0;
  std::int64_t differing = 0;
};

struct SideTimes {
  double encode_ms = 0;
  double decode_ms = 0;
};

struct PictureComparison {
  OrderedJson info_a;
  OrderedJson info_b;
  std::vector<LayerDifference> layers;
  std::vector<LayerDifference> results;
  std::vector<std::string> only_a;
  std::vector<std::string> only_b;
  std::vector<MaskDifference> masks;
  std::vector<std::string> failures;  // of sides that end without results: "FILE@VARIANT: why"
  std::optional<SideTimes> times_a;   // none where they would take long
  std::optional<SideTimes> times_b;

  // The first of the layers, or else of the results, above the tolerance; null if there is none.
  const LayerDifference* first_divergence(const Criteria& criteria) const;
  const LayerDifference* worst_layer() const;
};

// Walks the streams of both sides, whose info records have been read, in step.
PictureComparison compare_pictures(Side* a, Side* b, const Criteria& criteria, Progress* progress);

// Why the comparison fails: one line for each thing that is too far apart. Empty: nothing is.
std::vector<std::string> misses(const PictureComparison& comparison, const Criteria& criteria,
                                const Operand& a, const Operand& b);

OrderedJson to_json(const PictureComparison& comparison, const Operand& a, const Operand& b,
                    const Criteria& criteria, bool layers);
void print_comparison(const PictureComparison& comparison, const Operand& a, const Operand& b,
                      const Criteria& criteria, bool layers);

}  // namespace lasso::app

#endif  // LASSO_CLI_COMPARE_PICTURES_COMPARE_PICTURES_H_
