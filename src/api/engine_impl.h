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

}  // namespace lasso

#endif  // LASSO_API_ENGINE_IMPL_H_
