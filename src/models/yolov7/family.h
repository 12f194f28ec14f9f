// WongKinYiu's YOLOv7 as a family of models.
#ifndef LASSO_MODELS_YOLOV7_FAMILY_H_
#define LASSO_MODELS_YOLOV7_FAMILY_H_

#include "models/family.h"

namespace lasso::yolov7 {

// The state of its models is a DetectorModel.
const Family& family();

}  // namespace lasso::yolov7

#endif  // LASSO_MODELS_YOLOV7_FAMILY_H_
