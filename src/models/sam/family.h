// SAM as a family of models.
#ifndef LASSO_MODELS_SAM_FAMILY_H_
#define LASSO_MODELS_SAM_FAMILY_H_

#include <memory>
#include <string>

#include "image/preprocess.h"
#include "models/family.h"
#include "models/sam/model.h"

namespace lasso::sam {

const Family& family();

// The preprocessing that the options name, Meta's if none. Throws kInvalidArgument for an unknown
// name.
Preprocess preprocess_of(const DescribeOptions& options);

// A checkpoint for what only SAM has. Throws kUnsupported, naming both families, if the file is of
// another one; `work` says what is asked of it.
SamCheckpoint checkpoint_of(const ModelSource& source, const DescribeOptions& options,
                            const std::string& work);

// A compiled model for what runs SAM alone. Throws kUnsupported, naming both families and what to
// do, if the model is of another one; `user` says what would run it.
std::shared_ptr<const SamModel> model_of(const Model& model, const std::string& user);

}  // namespace lasso::sam

#endif  // LASSO_MODELS_SAM_FAMILY_H_
