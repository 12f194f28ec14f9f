// The JSON library, by the names that the project uses.
#ifndef LASSO_CORE_JSON_H_
#define LASSO_CORE_JSON_H_

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string_view>

namespace lasso {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;  // keeps the order in which keys were added

// Whether brackets are nested deeper than that. JSON that is nested without end would exhaust the
// stack when it is shown.
inline bool is_too_deep(std::string_view text, int max_depth) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > max_depth) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

}  // namespace lasso

#endif  // LASSO_CORE_JSON_H_
