#include "cli/model/fixed_inputs.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/check.h"
#include "lasso/runner.h"

namespace lasso::app {

namespace {

class FixedInputs final : public lasso::ModelRunner {
 public:
  FixedInputs(std::unique_ptr<lasso::ModelRunner> runner,
              std::map<std::string, lasso::HostTensor> fixed)
      : runner_(std::move(runner)), fixed_(std::move(fixed)), inputs_(runner_->inputs()) {
    for (const auto& [name, tensor] : fixed_) {
      const std::size_t removed = std::erase_if(
          inputs_, [&wanted = name](const ArgumentInfo& input) { return input.name == wanted; });
      LASSO_CHECK(removed > 0, ErrorCode::kInvalidArgument,
                  "the model has no input \"{}\", which is to be fixed", name);
    }
  }

  const std::vector<ArgumentInfo>& inputs() const override { return inputs_; }
  const std::vector<ArgumentInfo>& outputs() const override { return runner_->outputs(); }
  int threads() const override { return runner_->threads(); }
  double last_run_ms() const override { return runner_->last_run_ms(); }
  std::map<std::string, std::int64_t> typical_sizes() const override {
    return runner_->typical_sizes();
  }
  std::vector<std::pair<std::string, std::string>> settings() const override {
    return runner_->settings();
  }

  void run(const std::map<std::string, lasso::HostTensorView>& inputs,
           std::map<std::string, lasso::HostTensor>* outputs) override {
    std::map<std::string, lasso::HostTensorView> all = inputs;
    for (const auto& [name, tensor] : fixed_) all.insert_or_assign(name, tensor.view());
    runner_->run(all, outputs);
  }

 private:
  std::unique_ptr<lasso::ModelRunner> runner_;
  std::map<std::string, lasso::HostTensor> fixed_;
  std::vector<ArgumentInfo> inputs_;
};

}  // namespace

std::unique_ptr<lasso::ModelRunner> with_fixed_inputs(
    std::unique_ptr<lasso::ModelRunner> runner, std::map<std::string, lasso::HostTensor> fixed) {
  if (fixed.empty()) return runner;
  return std::make_unique<FixedInputs>(std::move(runner), std::move(fixed));
}

}  // namespace lasso::app
