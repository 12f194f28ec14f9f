// One side of a comparison: a model run in a child process, which streams the values of every
// layer.
#ifndef LASSO_CLI_COMPARE_COMPARE_SIDE_H_
#define LASSO_CLI_COMPARE_COMPARE_SIDE_H_

#include <string>

#include "cli/model/child.h"
#include "cli/model/operand.h"
#include "cli/options.h"
#include "lasso/types.h"

namespace lasso::app {

// What both sides do. They read the image themselves: the parent must have no threads when it
// forks.
struct SideTask {
  ModelOptions model;  // but for the file
  RunOptions run;
  std::string image;     // empty: a picture that is made up
  lasso::Prompt prompt;  // empty: the centre of the picture
};

// The parent's end: the child sends a kInfo record, the tensors, the masks and kEnd, which has a
// "failure" where the results are not finite and none of them are sent.
class Side : public Child {
 public:
  Side(const Operand& operand, const SideTask& task);
};

}  // namespace lasso::app

#endif  // LASSO_CLI_COMPARE_COMPARE_SIDE_H_
