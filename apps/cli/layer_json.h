// A layer's description as JSON, for reports and between processes.
#ifndef LASSO_CLI_LAYER_JSON_H_
#define LASSO_CLI_LAYER_JSON_H_

#include "lasso/engine.h"
#include "prompts.h"

namespace lasso::cli {

// All but the kernels that were not taken.
Json layer_json(const LayerInfo& layer);
LayerInfo layer_from_json(const Json& json);

}  // namespace lasso::cli

#endif  // LASSO_CLI_LAYER_JSON_H_
