// The JSON library, by the names that the project uses.
#ifndef LASSO_CORE_JSON_H_
#define LASSO_CORE_JSON_H_

#include <nlohmann/json.hpp>

namespace lasso {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;  // keeps the order in which keys were added

}  // namespace lasso

#endif  // LASSO_CORE_JSON_H_
