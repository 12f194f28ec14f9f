#include "core/json_fields.h"

namespace lasso {

Json parse_json(std::string_view text, const std::string& where) {
  constexpr int kMaxDepth = 16;
  const auto limit_depth = [&](int depth, Json::parse_event_t /*event*/, Json& /*parsed*/) {
    if (depth > kMaxDepth) refuse(where, "JSON of little depth");
    return true;
  };
  try {
    return Json::parse(text, limit_depth);
  } catch (const Json::exception&) {
    refuse(where, "JSON");
  }
}

}  // namespace lasso
