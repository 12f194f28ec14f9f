// Which input or output of one model is which of another one's, and what sizes both run at.
#ifndef LASSO_CLI_COMPARE_TENSORS_MATCH_ARGUMENTS_H_
#define LASSO_CLI_COMPARE_TENSORS_MATCH_ARGUMENTS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cli/compare/tensors/layout.h"
#include "cli/model/argument_shapes.h"
#include "lasso/runner.h"

namespace lasso::app {

struct ArgumentPair {
  std::size_t a = 0;
  std::size_t b = 0;
  Layout layout = Layout::kSame;
};

// The pairs of the same name and, of what is left, those of the only shape and kind of type that
// fits. `what` is "input" or "output". Throws Failure(kUsage) where several fit, and, with `all`,
// where something is left over or two of one name have different shapes.
std::vector<ArgumentPair> match_arguments(const std::vector<ArgumentInfo>& a,
                                          const std::vector<ArgumentInfo>& b, const char* what,
                                          bool all);

struct BothSizes {
  SymbolSizes a;
  SymbolSizes b;
};

// What is known of sizes.
struct SizeHints {
  std::map<std::size_t, std::vector<std::int64_t>> shapes;  // of A's inputs that are given
  SymbolSizes given;                                        // --size
  SymbolSizes typical_a;
  SymbolSizes typical_b;
};

// A size for every symbol: that of a number or given array that it stands beside, else the given
// one, else the largest that is typical of it or what it stands beside. Throws Failure(kUsage) for
// a given size of an unknown symbol, and one that contradicts a number.
BothSizes choose_sizes(const std::vector<ArgumentInfo>& a, const std::vector<ArgumentInfo>& b,
                       const std::vector<ArgumentPair>& pairs, const SizeHints& hints);

}  // namespace lasso::app

#endif  // LASSO_CLI_COMPARE_TENSORS_MATCH_ARGUMENTS_H_
