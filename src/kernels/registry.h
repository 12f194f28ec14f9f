// Which family computes an op, and the libraries that kernels run on.
#ifndef LASSO_KERNELS_REGISTRY_H_
#define LASSO_KERNELS_REGISTRY_H_

#include <map>
#include <string>

#include "kernels/family.h"

namespace lasso::kernels {

const Family& family_of(const graph::Op& op);

// The libraries of this build whose code or layouts kernels use, with their versions:
// {"oneDNN": "2.6.3"}.
const std::map<std::string, std::string>& libraries();

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_REGISTRY_H_
