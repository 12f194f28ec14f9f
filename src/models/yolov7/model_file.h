// Detectors in engine files.
#ifndef LASSO_MODELS_YOLOV7_MODEL_FILE_H_
#define LASSO_MODELS_YOLOV7_MODEL_FILE_H_

#include <string>

#include "engine/file/engine_file.h"
#include "models/yolov7/checkpoint/network.h"
#include "models/yolov7/model.h"

namespace lasso::yolov7 {

// What an engine's file says of a model, but for the precision.
engine::ModelRecord record_of(const Network& network, const std::string& hash);

// The inverse. Whatever the record and the module say, the model that is returned has the program
// that model.h describes, with the boxes of its levels. Throws kCorruptFile with `source` in the
// message.
DetectorModel read_model(const engine::LoadedEngine& engine, const std::string& source);

}  // namespace lasso::yolov7

#endif  // LASSO_MODELS_YOLOV7_MODEL_FILE_H_
