// Which family computes an op, and the libraries that kernels run on.
#ifndef LASSO_KERNELS_REGISTRY_H_
#define LASSO_KERNELS_REGISTRY_H_

#include <map>
#include <string>

#include "kernels/family.h"

namespace lasso::kernels {

// With the rows of the kind of device; loads the device's library (kernels/device_library.h).
const Family& family_of(const graph::Op& op, backend::DeviceKind kind);

// The libraries of this build whose code or layouts the device's kernels use, with their versions:
// {"oneDNN": "2.6.3"}.
const std::map<std::string, std::string>& libraries(backend::DeviceKind kind);

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_REGISTRY_H_
