// All of Lasso's public API.
#ifndef LASSO_LASSO_H_
#define LASSO_LASSO_H_

#include "lasso/argument.h"
#include "lasso/calibration.h"
#include "lasso/clicks.h"
#include "lasso/detector.h"
#include "lasso/device.h"
#include "lasso/embedding.h"
#include "lasso/engine.h"
#include "lasso/error.h"
#include "lasso/image.h"
#include "lasso/log.h"
#include "lasso/machine.h"
#include "lasso/mask.h"
#include "lasso/model_runner.h"
#include "lasso/onnx.h"
#include "lasso/runner.h"
#include "lasso/runtime.h"
#include "lasso/segmenter.h"
#include "lasso/tensor.h"
#include "lasso/types.h"
#include "lasso/version.h"

#endif  // LASSO_LASSO_H_
