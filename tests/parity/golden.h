// Reference results of PyTorch, as the parity tests read them (README.md of the folder of reference
// data).
#ifndef LASSO_TESTS_PARITY_GOLDEN_H_
#define LASSO_TESTS_PARITY_GOLDEN_H_

#include <filesystem>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "lasso/types.h"

namespace lasso::test {

// What SamPredictor answered to one prompt, or predict_torch to several boxes.
struct GoldenCase {
  std::string key;  // "image0_case3", for messages
  std::vector<Prompt> prompts;
  bool multimask = false;
  Tensor low_res;                   // float32 [masks, 4g, 4g] or [prompts, masks, 4g, 4g]
  Tensor iou;                       // float32
  std::vector<std::uint8_t> masks;  // 0 or 1, [prompts * masks, height, width]
};

struct GoldenImage {
  std::string path;
  int width = 0;     // pixels
  int height = 0;    // pixels
  Tensor embedding;  // float32 [1, D, g, g]
  std::vector<GoldenCase> cases;
};

struct GoldenModel {
  std::string checkpoint;
  std::vector<GoldenImage> images;
};

GoldenModel read_golden(const std::filesystem::path& folder);

std::vector<float> to_floats(const Tensor& tensor);

}  // namespace lasso::test

#endif  // LASSO_TESTS_PARITY_GOLDEN_H_
