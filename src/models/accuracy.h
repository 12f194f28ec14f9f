// What calibration measured, as engine files hold it.
#ifndef LASSO_MODELS_ACCURACY_H_
#define LASSO_MODELS_ACCURACY_H_

#include <string>

#include "lasso/engine.h"

namespace lasso {

// A JSON object.
std::string accuracy_to_json(const AccuracyRecord& accuracy);

// The inverse. Throws kCorruptFile, with `where` in the message, for other keys and types and for
// figures that no measurement gives.
AccuracyRecord accuracy_from_json(const std::string& json, const std::string& where);

}  // namespace lasso

#endif  // LASSO_MODELS_ACCURACY_H_
