// A layer's description as JSON, for reports and between processes.
#ifndef LASSO_CLI_RUN_LAYER_JSON_H_
#define LASSO_CLI_RUN_LAYER_JSON_H_

#include "common/prompts.h"
#include "lasso/engine.h"

namespace lasso::app {

// All but the kernels that were not taken.
Json layer_json(const LayerInfo& layer);
LayerInfo layer_from_json(const Json& json);

}  // namespace lasso::app

#endif  // LASSO_CLI_RUN_LAYER_JSON_H_
