// What runs a model on named tensors, whichever runtime it is: Lasso's own (Runner) or another one
// (lasso/runtime.h).
#ifndef LASSO_MODEL_RUNNER_H_
#define LASSO_MODEL_RUNNER_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lasso/argument.h"
#include "lasso/export.h"
#include "lasso/tensor.h"

namespace lasso {

// It belongs to one thread at a time.
class LASSO_EXPORT ModelRunner {
 public:
  virtual ~ModelRunner();

  virtual const std::vector<ArgumentInfo>& inputs() const = 0;   // in the model's order
  virtual const std::vector<ArgumentInfo>& outputs() const = 0;  // in the model's order
  virtual int threads() const = 0;
  // What each symbol in the shapes of the inputs usually stands for: sizes that the model runs at.
  virtual std::map<std::string, std::int64_t> typical_sizes() const = 0;
  // How the model is run, for people to read: names such as "runtime", "provider" and "threads",
  // each with its value.
  virtual std::vector<std::pair<std::string, std::string>> settings() const = 0;

  // Runs the model on one tensor for each input, by name, and leaves one for each output in
  // `outputs`, whose memory is reused. Throws kInvalidArgument, naming the tensor, what it is and
  // what is expected, for an input that is missing or unknown, or of another type or shape.
  virtual void run(const std::map<std::string, HostTensorView>& inputs,
                   std::map<std::string, HostTensor>* outputs) = 0;

  // What the last run() took, milliseconds; 0 before the first.
  virtual double last_run_ms() const = 0;

 protected:
  ModelRunner() = default;
  ModelRunner(const ModelRunner&) = default;
  ModelRunner(ModelRunner&&) = default;
  ModelRunner& operator=(const ModelRunner&) = default;
  ModelRunner& operator=(ModelRunner&&) = default;
};

}  // namespace lasso

#endif  // LASSO_MODEL_RUNNER_H_
