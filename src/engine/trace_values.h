// Results of any type as the float32 values that they stand for.
#ifndef LASSO_ENGINE_TRACE_VALUES_H_
#define LASSO_ENGINE_TRACE_VALUES_H_

#include <vector>

#include "core/tensor.h"

namespace lasso::engine {

class TraceValues {
 public:
  // A step's results: for uint8 the quantised rows and their scales, else one result. The answer is
  // valid until the next call; null for integers that stand for themselves.
  const float* convert(DType dtype, const Dims& dims, void* const* results);

 private:
  std::vector<float> values_;
};

}  // namespace lasso::engine

#endif  // LASSO_ENGINE_TRACE_VALUES_H_
