// Models of SAM that another runtime runs.
#ifndef LASSO_API_FOREIGN_MODEL_H_
#define LASSO_API_FOREIGN_MODEL_H_

#include <memory>

#include "models/sam/run/foreign_programs.h"

namespace lasso {

// Opens models by the parts' runtime and provider, with so many threads. Null where `parts` is.
sam::OpenForeignModel open_foreign(const std::shared_ptr<const sam::ForeignParts>& parts,
                                   int threads);

}  // namespace lasso

#endif  // LASSO_API_FOREIGN_MODEL_H_
