// The mask that --mask-input names.
#ifndef LASSO_CLI_SEGMENT_MASK_INPUT_H_
#define LASSO_CLI_SEGMENT_MASK_INPUT_H_

#include <string>
#include <vector>

#include "core/tensor.h"

namespace lasso::app {

// Logits of one mask.
struct MaskInput {
  Dims shape;                 // as the file has it
  std::vector<float> values;  // side * side, row by row
};

// Reads float16, float32 or float64 of shape [side, side], [1, side, side] or [1, 1, side, side],
// in C or Fortran order, from the bytes of a .npy file; `path` stands in messages. What is wrong is
// a usage error.
MaskInput parse_mask_input(const std::string& bytes, const std::string& path);
// The same from a file, which is read as a whole: --save-logits may replace it.
MaskInput read_mask_input(const std::string& path);

// Refuses a mask of another side than the model's.
void check_side(const MaskInput& mask, const std::string& path, int side);

}  // namespace lasso::app

#endif  // LASSO_CLI_SEGMENT_MASK_INPUT_H_
