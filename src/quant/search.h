// How many layers must stay in a higher precision.
#ifndef LASSO_QUANT_SEARCH_H_
#define LASSO_QUANT_SEARCH_H_

#include <functional>
#include <optional>

namespace lasso::quant {

// The least number from 0 to `count` that `reaches`, which is asked few times: for 0, 1, 2, 4, ...
// and then by bisection. It is the least where reaching is monotone, and in any case one that was
// asked and reaches. None if `count` does not.
std::optional<int> least_that_reaches(int count, const std::function<bool(int)>& reaches);

}  // namespace lasso::quant

#endif  // LASSO_QUANT_SEARCH_H_
