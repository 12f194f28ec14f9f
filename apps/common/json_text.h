// JSON as programs write it: OrderedJson, whose keys stay in the order in which docs/cli.md has
// them.
#ifndef LASSO_COMMON_JSON_TEXT_H_
#define LASSO_COMMON_JSON_TEXT_H_

#include <string>
#include <string_view>

#include "core/json.h"

namespace lasso::app {

// The name of a file as a text of JSON, which is UTF-8, and back; exact for every name. A byte that
// is no part of UTF-8 is U+10FE00 plus the byte, in JSON also written \udbff\udeNN for byte NN. So
// is each byte of those characters themselves, where they stand in a name: what comes back from
// file_name(json_name(name)) is `name`, whatever bytes it has.
std::string json_name(std::string_view name);
std::string file_name(std::string_view text);

// On one line, without a line feed. What is not UTF-8 in texts becomes U+FFFD.
std::string json_line(const OrderedJson& json);

// The beginning of a value, for messages.
std::string shown(const OrderedJson& value);

}  // namespace lasso::app

#endif  // LASSO_COMMON_JSON_TEXT_H_
