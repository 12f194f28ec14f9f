// The list of runtimes besides Lasso's own. Another one is a folder with its Runtime, and a line in
// the list.
#ifndef LASSO_RUNTIMES_RUNTIMES_H_
#define LASSO_RUNTIMES_RUNTIMES_H_

#include <memory>
#include <string>
#include <vector>

#include "lasso/runtime.h"

namespace lasso::runtimes {

class Runtime {
 public:
  virtual ~Runtime() = default;

  // "onnxruntime": in options and messages.
  virtual std::string name() const = 0;
  // Loads the library. Throws kUnsupported where this build, or now this machine, has none.
  virtual RuntimeInfo info() const = 0;
  // See lasso::open_runtime(); the number of threads is one that is in range and not 0.
  virtual std::unique_ptr<ModelRunner> open(const std::string& path,
                                            const RuntimeOptions& options) const = 0;
};

// Each lives as long as the process.
const std::vector<const Runtime*>& all();

// Throws kInvalidArgument.
const Runtime& named(const std::string& name);

}  // namespace lasso::runtimes

#endif  // LASSO_RUNTIMES_RUNTIMES_H_
