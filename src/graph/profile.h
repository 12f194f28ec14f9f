// The sizes that symbols may take.
#ifndef LASSO_GRAPH_PROFILE_H_
#define LASSO_GRAPH_PROFILE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graph/dim.h"

namespace lasso::graph {

// Far beyond what memory holds, and small enough for kernels to count operations in 64 bits.
inline constexpr std::int64_t kMaxSymbol = std::int64_t{1} << 24;

struct Range {
  std::int64_t min = 1;
  std::int64_t opt = 1;  // for which kernels are chosen
  std::int64_t max = kMaxSymbol;
  // Where the symbol may only be in one of several ranges, those, which have no such list
  // themselves; `min` and `max` are the least and the most of all, and `opt` is the first one's.
  std::vector<Range> parts = {};

  bool operator==(const Range&) const = default;
};

// The range, or its parts.
std::vector<Range> parts_of(const Range& range);
// Of which the first has the opt of all. There is one at least.
Range joined(const std::vector<Range>& parts);
bool contains(const Range& range, std::int64_t size);
// "1 to 4", "1 to 4 or 8 to 16".
std::string to_string(const Range& range);

// By symbol. A symbol that is not named takes any size from 1 to kMaxSymbol.
using Profile = std::map<std::string, Range>;
Range range_of(const Profile& profile, const std::string& symbol);

// A bound from below of what a dimension may be: the sum of its terms' bounds. Nothing where a
// factor may be negative, or numbers of 64 bits are too small.
std::optional<std::int64_t> least_value(const Dim& dim, const Profile& profile);

// Throws kInvalidArgument, naming program and symbol, unless 1 <= min <= opt <= max <= kMaxSymbol.
void check_profile(const std::string& program, const Profile& profile);

// Throws kInvalidArgument, naming program, symbol, value and range, for a value out of its range.
void check_bindings(const std::string& program, const Profile& profile, const Bindings& bindings);

}  // namespace lasso::graph

#endif  // LASSO_GRAPH_PROFILE_H_
