// One side of `lasso bench accuracy --detect`: a detector in a child process that takes one image
// at a time.
#ifndef LASSO_CLI_BENCH_ACCURACY_DETECT_SIDE_H_
#define LASSO_CLI_BENCH_ACCURACY_DETECT_SIDE_H_

#include <optional>
#include <string>
#include <vector>

#include "cli/model/child.h"
#include "cli/model/operand.h"
#include "cli/options.h"
#include "lasso/image.h"
#include "metrics/mean_precision.h"

namespace lasso::app {

class DetectSide {
 public:
  // Starts the child, which waits. See Child about threads.
  DetectSide(const Operand& operand, const ModelOptions& model, const RunOptions& run);

  // Loads the model, and returns what is to be reported about it, with "names" of the classes and
  // "classes", how many there are.
  OrderedJson load();

  // What is found with thresholds for the measurement of precision, test.py's; `category` is the
  // class. Throws Failure(kSomeFailed) for an image that can't be used.
  std::vector<FoundBox> detect(const std::string& image, const std::optional<ValueRange>& range);

 private:
  Child child_;
};

}  // namespace lasso::app

#endif  // LASSO_CLI_BENCH_ACCURACY_DETECT_SIDE_H_
