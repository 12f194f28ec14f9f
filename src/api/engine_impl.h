// What lasso::Engine holds.
#ifndef LASSO_API_ENGINE_IMPL_H_
#define LASSO_API_ENGINE_IMPL_H_

#include <memory>

#include "lasso/engine.h"
#include "models/sam/model.h"

namespace lasso {

struct Engine::Impl {
  std::shared_ptr<const sam::SamModel> model;
  EngineInfo info;
};

// What a caller's options say, as far as it can be refused before a checkpoint is read.
struct EngineSettings {
  explicit EngineSettings(const EngineOptions& options);

  engine::CompileOptions compile;
  Precision precision = Precision::kFp32;
  Preprocess preprocess;
};

std::shared_ptr<const Engine::Impl> make_engine(sam::SamModel model);

}  // namespace lasso

#endif  // LASSO_API_ENGINE_IMPL_H_
