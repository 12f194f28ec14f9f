// JSON as programs write it: OrderedJson, whose keys stay in the order in which docs/cli.md has
// them.
#ifndef LASSO_COMMON_JSON_TEXT_H_
#define LASSO_COMMON_JSON_TEXT_H_

#include <string>

#include "core/json.h"

namespace lasso::app {

// On one line, without a line feed. What is not UTF-8 in texts becomes U+FFFD.
std::string json_line(const OrderedJson& json);

// The beginning of a value, for messages.
std::string shown(const OrderedJson& value);

}  // namespace lasso::app

#endif  // LASSO_COMMON_JSON_TEXT_H_
