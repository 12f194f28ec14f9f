// One side of `lasso bench accuracy`: a model in a child process that answers one image at a time.
#ifndef LASSO_CLI_BENCH_ACCURACY_SIDE_H_
#define LASSO_CLI_BENCH_ACCURACY_SIDE_H_

#include <optional>
#include <string>
#include <vector>

#include "cli/model/child.h"
#include "cli/model/operand.h"
#include "cli/options.h"
#include "eval/evaluation_set.h"
#include "eval/truth_scores.h"
#include "lasso/image.h"

namespace lasso::app {

// The answer to one prompt.
struct SideAnswer {
  std::string rle;
  float iou_prediction = 0;
  std::optional<TruthScores> scores;  // where the truth is known
};

class AccuracySide {
 public:
  // Starts the child, which waits. See Child about threads.
  AccuracySide(const Operand& operand, const ModelOptions& model, const RunOptions& run);

  // Loads the model, and returns what is to be reported about it.
  OrderedJson load();

  // Throws Failure(kSomeFailed) for an image that can't be used.
  std::vector<SideAnswer> answer(const std::string& image, const std::optional<ValueRange>& range,
                                 const std::vector<AccuracyPrompt>& prompts);

 private:
  Child child_;
};

}  // namespace lasso::app

#endif  // LASSO_CLI_BENCH_ACCURACY_SIDE_H_
