// A network as a program of the graph.
#ifndef LASSO_MODELS_YOLOV7_DESCRIBE_DESCRIBE_H_
#define LASSO_MODELS_YOLOV7_DESCRIBE_DESCRIBE_H_

#include <cstdint>

#include "graph/graph.h"
#include "models/yolov7/checkpoint/network.h"

namespace lasso::yolov7 {

// Numbers in place of open sizes; 0: open.
struct FixedImages {
  std::int64_t batch = 0;
  std::int64_t rows = 0;  // of cells of the largest stride
  std::int64_t columns = 0;
};

// The program kDetector (see model.h). Throws kCorruptFile, with `source` in the message, for
// layers whose sizes do not fit, and for a level whose map has other cells than its stride says.
graph::Graph describe(const Network& network, const FixedImages& fixed, const std::string& source);

}  // namespace lasso::yolov7

#endif  // LASSO_MODELS_YOLOV7_DESCRIBE_DESCRIBE_H_
