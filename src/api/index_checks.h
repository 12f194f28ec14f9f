// Indices into tables that come as inputs: kernels read no farther than a table, whatever an index
// says, so that one that is outside must be found before the run.
#ifndef LASSO_API_INDEX_CHECKS_H_
#define LASSO_API_INDEX_CHECKS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "graph/graph.h"

namespace lasso {

// The values of an input that are indices.
struct IndexRange {
  std::size_t input = 0;
  graph::Dim rows = 0;      // of the table
  std::int64_t offset = 0;  // that the operation adds to an index
  bool wrap = false;        // indices below 0 count from the end
  // The elements are those of `column`, of so many in each tuple.
  std::int64_t column = 0;
  std::int64_t columns = 1;
};

// Of all inputs that are indices as they come, reshaped, transposed, repeated, or in another type
// of integer.
std::vector<IndexRange> index_ranges(const graph::Graph& program);

// Throws kInvalidArgument, naming the input, the value and what is expected, for an index outside
// of its table.
void check_indices(const std::string& name, const TensorView& input, const IndexRange& range,
                   const graph::Bindings& bindings);

}  // namespace lasso

#endif  // LASSO_API_INDEX_CHECKS_H_
