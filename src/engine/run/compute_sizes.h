// The values of symbols that a program computes from its inputs before it is bound to sizes.
#ifndef LASSO_ENGINE_RUN_COMPUTE_SIZES_H_
#define LASSO_ENGINE_RUN_COMPUTE_SIZES_H_

#include <cstdint>
#include <span>
#include <vector>

#include "graph/graph.h"

namespace lasso::engine {

// The values of program.computed.symbols, in their order, whatever they are; on the host, by the
// reference kernels. `bindings` are the symbols of the inputs' shapes. `inputs` has a pointer for
// each input of the program, dense and in the host's memory; those whose values are not read
// (graph::reads_values) may be null. Throws kInvalidArgument for what can't be computed.
std::vector<std::int64_t> compute_sizes(const graph::Graph& program,
                                        const graph::Bindings& bindings,
                                        std::span<const void* const> inputs);

}  // namespace lasso::engine

#endif  // LASSO_ENGINE_RUN_COMPUTE_SIZES_H_
