// The range of what a convolution in int8 reads: numbers beyond it are cut off, so that the others
// are told apart more finely.
#ifndef LASSO_QUANT_INPUT_RANGE_H_
#define LASSO_QUANT_INPUT_RANGE_H_

#include "quant/observe.h"
#include "quant/precision_plan.h"

namespace lasso::quant {

struct InputRange {
  Range range;
  // |x' - x|^2 / |x|^2 of the observed rows x, rounded with the range's scheme, and with that of
  // all numbers that were observed; 0 of zeros.
  double error = 0;
  double plain_error = 0;
};

// The range of the least error among those whose ends are 1, 0.95, 0.9, ..., 0.1 times the greatest
// and the least number, and 0 where all are on one side of it: the upper end is looked for first,
// with the lower one at its full length, and then the lower one. The larger range wins unless
// another has less error. Throws kInternal where nothing was observed, and kUnsupported for numbers
// that are not finite.
InputRange search_input_range(const InputObserver& input);

}  // namespace lasso::quant

#endif  // LASSO_QUANT_INPUT_RANGE_H_
