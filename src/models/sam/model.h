// A compiled SAM model: programs, and what its pre- and post-processing need to know.
#ifndef LASSO_MODELS_SAM_MODEL_H_
#define LASSO_MODELS_SAM_MODEL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "engine/compile/compile.h"
#include "image/preprocess.h"
#include "lasso/engine.h"
#include "models/sam/checkpoint/checkpoint.h"

namespace lasso::sam {

struct SamModel {
  SamConfig config;
  Preprocess preprocess;
  std::string hash;  // of the weights and the configuration
  std::string precision =
      "fp32";  // "fp16", "bf16", "int8" or "auto", which its layers' attributes spell out
  std::uint64_t parameters = 0;
  std::shared_ptr<const engine::CompiledModule> module;
  std::optional<AccuracyRecord> accuracy;  // of a calibrated model
};

// Describes and compiles a checkpoint. The checkpoint's pages are given back as they are packed.
SamModel compile_model(const SamCheckpoint& checkpoint, const Preprocess& preprocess,
                       const engine::CompileOptions& options);

}  // namespace lasso::sam

#endif  // LASSO_MODELS_SAM_MODEL_H_
