// YOLOs that are not WongKinYiu's yolov7 and whose checkpoints look like its own.
#ifndef LASSO_MODELS_YOLOV7_CHECKPOINT_OTHER_DETECTORS_H_
#define LASSO_MODELS_YOLOV7_CHECKPOINT_OTHER_DETECTORS_H_

#include <optional>
#include <string>

#include "formats/pytorch/pickle.h"

namespace lasso::yolov7 {

// Told by the classes that the pickle names: a clause that says what it is, and what to do. None
// for a model of yolov7's own blocks, or of ones that nobody knows.
std::optional<std::string> other_detector(const Pickle& pickle);

}  // namespace lasso::yolov7

#endif  // LASSO_MODELS_YOLOV7_CHECKPOINT_OTHER_DETECTORS_H_
