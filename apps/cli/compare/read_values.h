// Tensors of two sides, as they come.
#ifndef LASSO_CLI_COMPARE_READ_VALUES_H_
#define LASSO_CLI_COMPARE_READ_VALUES_H_

#include <cstdint>
#include <vector>

#include "cli/compare/difference.h"
#include "cli/model/child.h"

namespace lasso::app {

std::vector<std::int64_t> shape_of(const Record& tensor);
std::uint64_t count_of(const Record& tensor);

// All values of the current record.
std::vector<double> read_all(Child* side);
// Adds the values of both sides' current records, which are as many.
void add_values(Child* a, Child* b, Difference* difference);

}  // namespace lasso::app

#endif  // LASSO_CLI_COMPARE_READ_VALUES_H_
