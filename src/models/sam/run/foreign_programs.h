// Programs of SAM whose models another runtime runs, between programs of Lasso that prepare what
// these take and make of their results what SAM's programs give.
#ifndef LASSO_MODELS_SAM_RUN_FOREIGN_PROGRAMS_H_
#define LASSO_MODELS_SAM_RUN_FOREIGN_PROGRAMS_H_

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/tensor.h"
#include "engine/run/session.h"
#include "graph/graph.h"

namespace lasso::sam {

// A model that another runtime has loaded. It runs on tensors of the host.
class ForeignModel {
 public:
  struct Input {
    std::string name;
    TensorView tensor;
  };
  struct Output {
    std::string name;
    DType dtype = DType::kF32;
    Dims dims;
    void* data = nullptr;
  };

  virtual ~ForeignModel() = default;

  // Fills in the outputs that are named. Throws kDevice where one is of another type or shape, and
  // what the runtime throws.
  virtual void run(const std::vector<Input>& inputs, const std::vector<Output>& outputs) = 0;
  // See ModelRunner::settings().
  virtual std::vector<std::pair<std::string, std::string>> settings() const = 0;
};

// Opens the model in `path` so that values inside it, `more_outputs`, are outputs of it, too.
using OpenForeignModel = std::function<std::unique_ptr<ForeignModel>(
    const std::string& path, const std::vector<std::string>& more_outputs)>;

// A tensor that goes from one part of a program to another.
struct ForeignValue {
  std::string name;
  DType dtype = DType::kF32;
  graph::Shape shape;
};

// One of the models of a program.
struct ForeignStep {
  std::string path;
  std::vector<std::pair<std::string, std::size_t>> inputs;  // by name: which of the values so far
  std::map<std::string, Tensor> fixed;                      // inputs that are always the same
  std::vector<ForeignValue> outputs;                        // they follow the values so far
  std::vector<std::string> more_outputs;                    // those that the file does not list
};

struct ForeignProgram {
  // Programs of the module: from the inputs to the first values, and from the values `results` to
  // the outputs.
  std::string before;
  std::string after;
  std::vector<ForeignValue> prepared;
  std::vector<ForeignStep> steps;  // in their order
  std::vector<std::size_t> results;
};

// What of a model another runtime runs.
struct ForeignParts {
  std::string runtime;
  std::string provider;
  std::map<std::string, ForeignProgram, std::less<>> programs;  // by the name of SAM's program
};

class ForeignPrograms {
 public:
  // `parts` may be null: there are none. Opens each file once.
  ForeignPrograms(std::shared_ptr<const ForeignParts> parts, engine::Session& session,
                  const OpenForeignModel& open);

  bool has(std::string_view program) const {
    return parts_ != nullptr && parts_->programs.find(program) != parts_->programs.end();
  }

  // Returns when the outputs are there. Throws as Session::run() and ForeignModel::run() do.
  void run(const std::string& program, const graph::Bindings& symbols,
           std::span<const engine::ConstTensorRef> inputs,
           std::span<const engine::TensorRef> outputs);

  // Of the first model; empty where there is none.
  std::vector<std::pair<std::string, std::string>> settings() const;

 private:
  // The values of a program in one run.
  struct Values {
    std::vector<std::vector<std::byte>> memory;
    std::vector<DType> dtypes;
    std::vector<Dims> dims;
  };

  static void add(const ForeignValue& value, const graph::Bindings& symbols, Values& values);
  void run_own(const std::string& name, const graph::Bindings& symbols,
               std::span<const engine::ConstTensorRef> inputs,
               std::span<const engine::TensorRef> outputs);
  void run_step(const ForeignStep& step, const graph::Bindings& symbols, Values& values);

  std::shared_ptr<const ForeignParts> parts_;
  engine::Session& session_;
  std::map<std::string, std::unique_ptr<ForeignModel>> models_;  // by path
};

}  // namespace lasso::sam

#endif  // LASSO_MODELS_SAM_RUN_FOREIGN_PROGRAMS_H_
