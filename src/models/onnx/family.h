// The family of ONNX models: any graph of operators that Lasso has, as one program.
#ifndef LASSO_MODELS_ONNX_FAMILY_H_
#define LASSO_MODELS_ONNX_FAMILY_H_

#include <cstdint>
#include <string>

#include "formats/onnx/onnx_model.h"
#include "models/family.h"
#include "models/onnx/import/importer.h"

namespace lasso::onnx {

const Family& family();

// Reads and checks a model. Throws kUnsupported for what is recognised and not read.
OnnxModel read_model(const ModelSource& source);

// Of the file, the data that lie beside it, and what is fixed.
std::string hash_of(const OnnxModel& model, const FixedInputs& fixed, const FixedSizes& sizes);

// Elements, and bytes, of all initialisers.
std::int64_t parameter_count(const OnnxModel& model);
std::uint64_t weight_bytes(const OnnxModel& model);

}  // namespace lasso::onnx

#endif  // LASSO_MODELS_ONNX_FAMILY_H_
