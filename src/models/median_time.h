// The time of a run among several.
#ifndef LASSO_MODELS_MEDIAN_TIME_H_
#define LASSO_MODELS_MEDIAN_TIME_H_

#include <vector>

namespace lasso {

// The median of an engine's runs, without the first one, which also plans it, where there are
// others; 0 of none.
double median_time(const std::vector<double>& ms);

}  // namespace lasso

#endif  // LASSO_MODELS_MEDIAN_TIME_H_
