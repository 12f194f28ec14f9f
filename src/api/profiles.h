// The sizes that a caller lets symbols stand for.
#ifndef LASSO_API_PROFILES_H_
#define LASSO_API_PROFILES_H_

#include <vector>

#include "graph/graph.h"
#include "lasso/argument.h"

namespace lasso {

// Gives all programs that have the symbols the ranges. Throws kInvalidArgument, naming the symbol,
// for one that no program has or that is there twice, for a range that is none, and for one that
// reaches beyond what a program takes.
void apply_profiles(const std::vector<SizeRange>& profiles, graph::Module& module);

}  // namespace lasso

#endif  // LASSO_API_PROFILES_H_
