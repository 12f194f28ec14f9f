// A layer's description as JSON, for reports and between processes.
#ifndef LASSO_CLI_MODEL_LAYER_JSON_H_
#define LASSO_CLI_MODEL_LAYER_JSON_H_

#include "common/json_text.h"
#include "lasso/engine.h"

namespace lasso::app {

// All but the kernels that were not taken.
OrderedJson layer_json(const LayerInfo& layer);
LayerInfo layer_from_json(const OrderedJson& json);

}  // namespace lasso::app

#endif  // LASSO_CLI_MODEL_LAYER_JSON_H_
