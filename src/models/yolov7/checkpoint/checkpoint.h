// Checkpoints of WongKinYiu's yolov7, as its train.py saves them: models as Python objects.
#ifndef LASSO_MODELS_YOLOV7_CHECKPOINT_CHECKPOINT_H_
#define LASSO_MODELS_YOLOV7_CHECKPOINT_CHECKPOINT_H_

#include "formats/pytorch/torch_file.h"
#include "models/yolov7/checkpoint/network.h"

namespace lasso::yolov7 {

// Whether the file holds a model of the classes that YOLO's repositories have in common: the object
// itself, or under "ema" or "model".
bool has_detector(const TorchFile& torch);

// Reads the model under "ema", or, where that is None, the one under "model". Throws kUnsupported
// for YOLOs of other repositories, told by their blocks, with what to do, and for blocks that are
// not known, and kCorruptFile for modules without the members that their classes have.
Network read_network(const TorchFile& torch);

}  // namespace lasso::yolov7

#endif  // LASSO_MODELS_YOLOV7_CHECKPOINT_CHECKPOINT_H_
