#include "models/sam/model.h"

#include "models/sam/describe/describe.h"

namespace lasso::sam {

SamModel compile_model(const SamCheckpoint& checkpoint, const Preprocess& preprocess,
                       const engine::CompileOptions& options) {
  SamModel model;
  model.config = checkpoint.config;
  model.preprocess = preprocess;
  model.hash = fingerprint(checkpoint);
  model.parameters = static_cast<std::uint64_t>(parameter_count(checkpoint.config));
  model.module = engine::compile(describe(checkpoint), options);
  return model;
}

}  // namespace lasso::sam
