// A compiled detector: its program, and what preparing images and reading its output need to know.
#ifndef LASSO_MODELS_YOLOV7_MODEL_H_
#define LASSO_MODELS_YOLOV7_MODEL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/compile/compile.h"

namespace lasso::yolov7 {

inline constexpr char kFamily[] = "yolov7";

// The program, its input and its output:
//   images float32 [batch, channels, height, width], RGB between 0 and 1
//   -> output float32 [batch, boxes, 5 + classes]: centre x and y, width and height in pixels of
//   the images, objectness, and the score of each class, these between 0 and 1.
// Boxes stand in the order of the levels, in a level in that of the anchors, and for an anchor row
// by row. Height and width are multiples of the largest stride: where they are open, the program's
// dimensions are that stride times the symbols "rows" and "columns".
inline constexpr char kDetector[] = "detector";
inline constexpr char kImages[] = "images";
inline constexpr char kOutput[] = "output";
inline constexpr char kRows[] = "rows";
inline constexpr char kColumns[] = "columns";

// In front of the scores of the classes.
inline constexpr int kBoxFields = 5;

struct Anchor {
  float width = 0;  // pixels of the network's input
  float height = 0;

  bool operator==(const Anchor&) const = default;
};

// One feature map of the head: a box for each cell and anchor.
struct DetectionLevel {
  int stride = 0;  // pixels between cells
  std::vector<Anchor> anchors;

  bool operator==(const DetectionLevel&) const = default;
};

// What sides of images are multiples of: 32, or 64 of a model with four levels.
int largest_stride(const std::vector<DetectionLevel>& levels);

// The state that Family::load makes. A model from elsewhere (an ONNX export) is one as well, with
// the levels and names that are known of it.
struct DetectorModel {
  std::string architecture;        // "YOLOv7-tiny", for people
  int channels = 3;                // of the images
  std::vector<std::string> names;  // of the classes, in UTF-8, as many as there are classes
  std::vector<DetectionLevel> levels;
  int batch = 0;   // images at a time; 0: any number
  int height = 0;  // of the images; 0: any multiple of the largest stride
  int width = 0;
  std::string hash;                // of the checkpoint
  std::string precision = "fp32";  // "fp16", "bf16", "int8" or "auto"
  std::uint64_t parameters = 0;    // of the model that runs, batch norms and branches merged
  std::shared_ptr<const engine::CompiledModule> module;

  int classes() const { return static_cast<int>(names.size()); }
  int largest_stride() const { return yolov7::largest_stride(levels); }
};

// The levels of WongKinYiu's models: "yolov7" (and x), "yolov7-tiny" and "yolov7-w6" (and e6, d6,
// e6e), for models that do not carry their own. Throws kInvalidArgument for another name.
const std::vector<DetectionLevel>& published_levels(const std::string& name);

}  // namespace lasso::yolov7

#endif  // LASSO_MODELS_YOLOV7_MODEL_H_
