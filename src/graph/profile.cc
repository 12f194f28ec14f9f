#include "graph/profile.h"

#include "core/check.h"

namespace lasso::graph {

Range range_of(const Profile& profile, const std::string& symbol) {
  const auto found = profile.find(symbol);
  return found == profile.end() ? Range{} : found->second;
}

void check_profile(const std::string& program, const Profile& profile) {
  for (const auto& [symbol, range] : profile) {
    LASSO_CHECK(range.min >= 1 && range.min <= range.opt && range.opt <= range.max &&
                    range.max <= kMaxSymbol,
                ErrorCode::kInvalidArgument,
                "program {}: the profile of {} is {}:{}:{}, and 1 <= min <= opt <= max <= {} is "
                "expected",
                program, symbol, range.min, range.opt, range.max, kMaxSymbol);
  }
}

void check_bindings(const std::string& program, const Profile& profile, const Bindings& bindings) {
  for (const auto& [symbol, value] : bindings) {
    const Range range = range_of(profile, symbol);
    LASSO_CHECK(value >= range.min && value <= range.max, ErrorCode::kInvalidArgument,
                "program {}: {} is {}, and {} to {} is expected", program, symbol, value, range.min,
                range.max);
  }
}

}  // namespace lasso::graph
