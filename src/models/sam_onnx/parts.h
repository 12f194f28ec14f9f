// SAM models whose parts are files of their own: ONNX encoders and decoders, and checkpoints.
#ifndef LASSO_MODELS_SAM_ONNX_PARTS_H_
#define LASSO_MODELS_SAM_ONNX_PARTS_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/family.h"
#include "models/source.h"

namespace lasso::sam_onnx {

// See lasso::ModelParts.
struct Parts {
  std::vector<ModelSource> encoders;
  std::optional<ModelSource> decoder;
  std::optional<ModelSource> model;
  std::map<std::string, std::string> roles;
};

// A model of the family "sam". Throws what reading and importing the files does, and what
// Engine::assemble() says of roles.
std::unique_ptr<const ModelDescription> describe_parts(const Parts& parts,
                                                       const DescribeOptions& options);

// The same with another runtime for the ONNX models, compiled but for these. Throws kUnsupported
// for a model that can't be run apart, and kInvalidArgument where none of the parts is an ONNX
// model.
Model describe_foreign(const Parts& parts, const DescribeOptions& options,
                       const engine::CompileOptions& compile, const std::string& runtime,
                       const std::string& provider);

}  // namespace lasso::sam_onnx

#endif  // LASSO_MODELS_SAM_ONNX_PARTS_H_
