#include "api/profiles.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <string>

#include "core/check.h"

namespace lasso {

namespace {

constexpr std::size_t kMostRanges = 64;  // as many as engine files have
static_assert(SizeRange::kMost == graph::kMaxSymbol);

std::string text_of(const SizeRange& profile) {
  return fmt::format("profile {}={}:{}:{}", profile.symbol, profile.min, profile.opt, profile.max);
}

// All ranges of one symbol; kernels are chosen for the first one's opt.
void apply(const std::vector<SizeRange>& profiles, graph::Graph& program) {
  const std::string& symbol = profiles.front().symbol;
  const graph::Range own = graph::range_of(program.profile, symbol);
  std::vector<graph::Range> ranges;
  for (const SizeRange& profile : profiles) {
    LASSO_CHECK(profile.min >= own.min && profile.max <= own.max, ErrorCode::kInvalidArgument,
                "{}: program {} takes {} to {}", text_of(profile), program.name, own.min, own.max);
    ranges.push_back({profile.min, profile.opt, profile.max});
  }
  program.profile[symbol] = graph::joined(ranges);
  const auto typical = program.typical.find(symbol);
  if (typical != program.typical.end()) typical->second = ranges.front().opt;
}

}  // namespace

void apply_profiles(const std::vector<SizeRange>& profiles, graph::Module& module) {
  std::map<std::string, std::vector<SizeRange>> of_symbol;
  for (const SizeRange& profile : profiles) {
    std::vector<SizeRange>& ranges = of_symbol[profile.symbol];
    ranges.push_back(profile);
    LASSO_CHECK(ranges.size() <= kMostRanges, ErrorCode::kInvalidArgument,
                "{}: a size has at most {} profiles", text_of(profile), kMostRanges);
    LASSO_CHECK(profile.min >= 1 && profile.min <= profile.opt && profile.opt <= profile.max &&
                    profile.max <= SizeRange::kMost,
                ErrorCode::kInvalidArgument, "{}: 1 <= min <= opt <= max <= {} is expected",
                text_of(profile), SizeRange::kMost);
    std::set<std::string> known;
    for (const graph::Graph& program : module.programs) {
      const std::vector<std::string> symbols = graph::symbols(program);
      known.insert(symbols.begin(), symbols.end());
    }
    LASSO_CHECK(known.count(profile.symbol) > 0, ErrorCode::kInvalidArgument,
                "{}: the model has no such size: {}", text_of(profile),
                known.empty() ? std::string("all of its sizes are numbers")
                              : fmt::format("expected one of {}", fmt::join(known, ", ")));
  }
  for (const auto& [symbol, ranges] : of_symbol) {
    for (graph::Graph& program : module.programs) {
      const std::vector<std::string> symbols = graph::symbols(program);
      if (std::find(symbols.begin(), symbols.end(), symbol) != symbols.end()) {
        apply(ranges, program);
      }
    }
  }
}

}  // namespace lasso
