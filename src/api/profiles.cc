#include "api/profiles.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <string>

#include "core/check.h"

namespace lasso {

namespace {

static_assert(SizeRange::kMost == graph::kMaxSymbol);

std::string text_of(const SizeRange& profile) {
  return fmt::format("profile {}={}:{}:{}", profile.symbol, profile.min, profile.opt, profile.max);
}

void apply(const SizeRange& profile, graph::Graph& program) {
  const graph::Range own = graph::range_of(program.profile, profile.symbol);
  LASSO_CHECK(profile.min >= own.min && profile.max <= own.max, ErrorCode::kInvalidArgument,
              "{}: program {} takes {} to {}", text_of(profile), program.name, own.min, own.max);
  program.profile[profile.symbol] = {profile.min, profile.opt, profile.max};
  const auto typical = program.typical.find(profile.symbol);
  if (typical != program.typical.end()) typical->second = profile.opt;
}

}  // namespace

void apply_profiles(const std::vector<SizeRange>& profiles, graph::Module& module) {
  std::set<std::string> seen;
  for (const SizeRange& profile : profiles) {
    LASSO_CHECK(seen.insert(profile.symbol).second, ErrorCode::kInvalidArgument,
                "{}: there is another profile of that size", text_of(profile));
    LASSO_CHECK(profile.min >= 1 && profile.min <= profile.opt && profile.opt <= profile.max &&
                    profile.max <= SizeRange::kMost,
                ErrorCode::kInvalidArgument, "{}: 1 <= min <= opt <= max <= {} is expected",
                text_of(profile), SizeRange::kMost);
    std::set<std::string> known;
    for (graph::Graph& program : module.programs) {
      const std::vector<std::string> symbols = graph::symbols(program);
      known.insert(symbols.begin(), symbols.end());
      if (std::find(symbols.begin(), symbols.end(), profile.symbol) != symbols.end()) {
        apply(profile, program);
      }
    }
    LASSO_CHECK(known.count(profile.symbol) > 0, ErrorCode::kInvalidArgument,
                "{}: the model has no such size: {}", text_of(profile),
                known.empty() ? std::string("all of its sizes are numbers")
                              : fmt::format("expected one of {}", fmt::join(known, ", ")));
  }
}

}  // namespace lasso
