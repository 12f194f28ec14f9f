// Results of any type as the float32 values that they stand for.
#ifndef LASSO_ENGINE_RUN_TRACE_VALUES_H_
#define LASSO_ENGINE_RUN_TRACE_VALUES_H_

#include <cstddef>
#include <span>
#include <vector>

#include "backend/device.h"
#include "core/tensor.h"

namespace lasso::engine {

class TraceValues {
 public:
  // A step's results on the device, whose work is done: for uint8 the quantised rows and their
  // scales, else one result. The answer is valid until the next call; null for integers that stand
  // for themselves.
  const float* convert(const backend::Device& device, backend::Stream& stream, DType dtype,
                       const Dims& dims, std::span<void* const> results);

 private:
  std::vector<float> values_;
  std::vector<std::byte> first_;  // copies of results that the host can't read
  std::vector<std::byte> second_;
};

}  // namespace lasso::engine

#endif  // LASSO_ENGINE_RUN_TRACE_VALUES_H_
