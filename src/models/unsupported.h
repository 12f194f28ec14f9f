// What a model has that Lasso lacks, all of it.
#ifndef LASSO_MODELS_UNSUPPORTED_H_
#define LASSO_MODELS_UNSUPPORTED_H_

#include <string>
#include <utility>
#include <vector>

#include "lasso/error.h"

namespace lasso {

// An error whose message may name but the first of the parts.
class UnsupportedParts : public Error {
 public:
  UnsupportedParts(const std::string& message, std::vector<std::string> parts)
      : Error(ErrorCode::kUnsupported, message), parts_(std::move(parts)) {}

  const std::vector<std::string>& parts() const { return parts_; }

 private:
  std::vector<std::string> parts_;
};

}  // namespace lasso

#endif  // LASSO_MODELS_UNSUPPORTED_H_
