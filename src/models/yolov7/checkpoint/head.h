// The heads of WongKinYiu's yolov7 (models/yolo.py).
#ifndef LASSO_MODELS_YOLOV7_CHECKPOINT_HEAD_H_
#define LASSO_MODELS_YOLOV7_CHECKPOINT_HEAD_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "models/yolov7/checkpoint/layer_list.h"

namespace lasso::yolov7 {

// A Detect, IDetect or IAuxDetect. Of the last one's inputs the second half is for training.
struct Head {
  TorchModule module;
  std::int64_t classes = 0;
  std::vector<DetectionLevel> levels;
  std::size_t inputs = 0;  // how many the module lists
};

// Throws kUnsupported for a module of another class, naming it, and kCorruptFile for levels that no
// model has: strides are positive integers, each of which divides the largest, anchors are finite
// and positive.
Head read_head(Parameters& parameters, const TorchModule& module);

// Appends the convolutions behind the levels, with what an IDetect adds to their inputs and
// multiplies their results by merged into them. `inputs` are as many as there are levels.
std::vector<int> read_maps(LayerList& list, const Head& head, const std::vector<int>& inputs);

}  // namespace lasso::yolov7

#endif  // LASSO_MODELS_YOLOV7_CHECKPOINT_HEAD_H_
