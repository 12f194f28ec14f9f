// Points, boxes and prompts. Coordinates are pixels of the original image: x to the right, y down,
// (0, 0) the centre of the top left pixel, as in Meta's predictor.
#ifndef LASSO_TYPES_H_
#define LASSO_TYPES_H_

#include <cstdint>
#include <optional>
#include <vector>

namespace lasso {

enum class PointLabel : std::int8_t {
  kBackground = 0,  // "not this"
  kForeground = 1,  // "this"
};

struct Point {
  float x = 0;
  float y = 0;
  PointLabel label = PointLabel::kForeground;
};

// Corners in XYXY order; x0 < x1 and y0 < y1. A box may leave the image.
struct Box {
  float x0 = 0;
  float y0 = 0;
  float x1 = 0;
  float y1 = 0;
};

// One prompt asks for one object. It needs at least a point, a box or a mask; points refine a box.
struct Prompt {
  std::vector<Point> points;
  std::optional<Box> box;
  // Low-resolution logits of an earlier answer for the same image: side * side values, row-major,
  // where side is Embedding::low_res_side() (256 for Meta's models). Empty: none.
  std::vector<float> mask_input;
  // For an ambiguous prompt: candidates (three in Meta's models) instead of one mask.
  bool multimask = false;
};

}  // namespace lasso

#endif  // LASSO_TYPES_H_
