// The values inside two models.
#ifndef LASSO_CLI_COMPARE_TENSORS_COMPARE_LAYERS_H_
#define LASSO_CLI_COMPARE_TENSORS_COMPARE_LAYERS_H_

#include <string>
#include <vector>

#include "cli/compare/compare_side.h"
#include "cli/compare/difference.h"
#include "cli/compare/tensors/align_layers.h"
#include "cli/console.h"

namespace lasso::app {

// What a side knows of its values.
struct SideLayers {
  Side* side = nullptr;
  bool traces = false;              // layer after layer, as Lasso does
  std::vector<LayerKey> layers;     // where it does
  std::vector<std::string> values;  // that it may be asked for, where it does not
};

struct ComparedLayers {
  std::vector<LayerDifference> layers;  // in A's order, or in that of the side that traces
  bool by_name = true;
  std::size_t only_a = 0;
  std::size_t only_b = 0;
};

// Two models on Lasso have their layers aligned; with another runtime, values of one name are the
// same. Lasso's layers may hold them with channels last, and several of its layers may have one
// name, those of an operation in several steps: the nearest counts.
ComparedLayers compare_layers(const SideLayers& a, const SideLayers& b, Progress* progress);

}  // namespace lasso::app

#endif  // LASSO_CLI_COMPARE_TENSORS_COMPARE_LAYERS_H_
