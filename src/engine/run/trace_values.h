// Results of any type as the float32 values that they stand for.
#ifndef LASSO_ENGINE_RUN_TRACE_VALUES_H_
#define LASSO_ENGINE_RUN_TRACE_VALUES_H_

#include <cstddef>
#include <map>
#include <span>
#include <vector>

#include "backend/device.h"
#include "core/tensor.h"
#include "graph/graph.h"

namespace lasso::engine {

class TraceValues {
 public:
  // Before a run of the program.
  void begin(const graph::Graph& graph);
  // A step's results on the device, whose work is done: for uint8 quantised rows and their scales,
  // or numbers of one scheme; else one result. The answer is valid until the next call; null for
  // integers that stand for themselves.
  const float* convert(const backend::Device& device, backend::Stream& stream,
                       const graph::Node& node, DType dtype, const Dims& dims,
                       std::span<void* const> results);

 private:
  std::map<graph::ValueId, graph::Affine> schemes_;  // of values in uint8 that have one
  std::vector<float> values_;
  std::vector<std::byte> first_;  // copies of results that the host can't read
  std::vector<std::byte> second_;
};

}  // namespace lasso::engine

#endif  // LASSO_ENGINE_RUN_TRACE_VALUES_H_
