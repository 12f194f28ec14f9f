// Inputs and outputs of programs as the public API says them.
#ifndef LASSO_API_ARGUMENTS_H_
#define LASSO_API_ARGUMENTS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "lasso/argument.h"

namespace lasso {

// In the program's order. Throws kUnsupported where two have one name.
std::vector<ArgumentInfo> inputs_of(const graph::Graph& program);
std::vector<ArgumentInfo> outputs_of(const graph::Graph& program);

// What a symbol may stand for: the range, whose opt is what is typical, or its parts.
std::vector<SizeRange> size_ranges(const std::string& symbol, const graph::Range& range,
                                   std::int64_t typical);

// By input, whether its values decide sizes.
std::vector<bool> decide_sizes(const graph::Graph& program);

// The place of each output's count among the outputs; none where all of it counts.
std::vector<std::optional<std::size_t>> count_places(const graph::Graph& program);

}  // namespace lasso

#endif  // LASSO_API_ARGUMENTS_H_
