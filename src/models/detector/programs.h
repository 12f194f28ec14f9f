// Programs behind a detector's own: what makes boxes of maps, and what suppresses boxes; and models
// whose own suppression has other thresholds.
#ifndef LASSO_MODELS_DETECTOR_PROGRAMS_H_
#define LASSO_MODELS_DETECTOR_PROGRAMS_H_

#include <memory>
#include <vector>

#include "engine/compile/compile.h"
#include "graph/graph.h"
#include "lasso/detector.h"
#include "models/detector/recognise.h"

namespace lasso::detector {

// DetectOptions, with what holds where they are silent.
struct Rules {
  double conf_thres = 0.25;
  double iou_thres = 0.45;
  int topk = 300;
  std::vector<int> classes;  // ascending; empty: all
  bool agnostic = false;
  bool multi_label = false;

  bool operator==(const Rules&) const = default;
};

// Throws kInvalidArgument for options out of range, and such as the model's own suppression does
// not have.
Rules rules_for(const DetectorInfo& info, const DetectOptions& options);

// For the forms kBoxes and kMaps: a program "detections" that takes the network's outputs, in the
// order of Interface::outputs, and gives what graph::DetectionNms does. Its symbols are "images",
// and "boxes" or "rows_0", "columns_0" and so on; `anchors` are those of DetectorInfo, for kMaps.
graph::Graph detections_program(const graph::Graph& network, const Interface& interface,
                                const std::vector<float>& anchors, const Rules& rules);

// The module with these rules in its own suppression; the same one where they are its own. Weights
// are shared.
std::shared_ptr<const engine::CompiledModule> with_rules(
    const std::shared_ptr<const engine::CompiledModule>& module, const DetectorInfo& info,
    const Rules& rules);

}  // namespace lasso::detector

#endif  // LASSO_MODELS_DETECTOR_PROGRAMS_H_
