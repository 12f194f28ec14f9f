// One side of a comparison: a model in a child process, which runs it and sends what it computes.
#ifndef LASSO_CLI_COMPARE_COMPARE_SIDE_H_
#define LASSO_CLI_COMPARE_COMPARE_SIDE_H_

#include <cstdint>
#include <string>

#include "cli/model/child.h"
#include "cli/model/operand.h"
#include "cli/model/tensor_model.h"
#include "cli/options.h"
#include "lasso/types.h"

namespace lasso::app {

// What both sides do. They read the image and the arrays themselves: the parent must have no
// threads when it forks.
struct SideTask {
  ModelOptions model;  // but for the file
  RunOptions run;
  std::string image;      // empty: a picture that is made up
  lasso::Prompt prompt;   // empty: the centre of the picture
  bool tensors = false;   // rather than the picture, whatever the models are
  ProgramChoice program;  // to run on tensors
  std::string inputs;     // an .npz; empty: random numbers
};

// The parent's end. The child first sends a kInfo record about its model. "picture" says whether it
// is one of pictures and prompts, and then the parent's first request says what is to be run. For
// kPicture the child sends the tensors of every layer, the masks and kEnd, which has a "failure"
// where the results are not finite and none of them are sent, and the time. For kTensors, and
// where "picture" is false right away, it sends a kInfo record about the program's arguments and
// serves requests; see tensor_side.h.
class Side : public Child {
 public:
  Side(const Operand& operand, const SideTask& task);
};

inline constexpr const char* kPicture = "picture";
inline constexpr const char* kTensors = "tensors";

}  // namespace lasso::app

#endif  // LASSO_CLI_COMPARE_COMPARE_SIDE_H_
