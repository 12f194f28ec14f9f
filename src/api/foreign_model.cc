#include "api/foreign_model.h"

#include <utility>

#include "api/tensor.h"
#include "core/bytes.h"
#include "core/check.h"
#include "runtimes/runtimes.h"

namespace lasso {

namespace {

class RuntimeModel final : public sam::ForeignModel {
 public:
  RuntimeModel(std::string path, std::unique_ptr<ModelRunner> runner)
      : path_(std::move(path)), runner_(std::move(runner)) {}

  void run(const std::vector<Input>& inputs, const std::vector<Output>& outputs) override {
    std::map<std::string, HostTensorView> views;
    for (const Input& input : inputs) {
      const TensorView& tensor = input.tensor;
      views[input.name] = {element_type(tensor.dtype), tensor.dims, tensor.data};
    }
    try {
      runner_->run(views, &results_);
    } catch (const Error& error) {
      // The caller's arguments are others than the model's.
      const bool is_about_model = error.code() == ErrorCode::kInvalidArgument;
      fail(is_about_model ? ErrorCode::kUnsupported : error.code(), "{}: {}", path_, error.what());
    }
    for (const Output& output : outputs) {
      const HostTensor& tensor = results_.at(output.name);
      LASSO_CHECK(dtype_of(tensor.type) == output.dtype && tensor.shape == output.dims,
                  ErrorCode::kDevice,
                  "{}: output \"{}\" is {} {}, and {} {} is what its graph says", path_,
                  output.name, to_string(tensor.type), to_string(tensor.shape),
                  to_string(output.dtype), to_string(output.dims));
      copy_bytes(static_cast<std::byte*>(output.data), tensor.bytes.data(), tensor.bytes.size());
    }
  }

  std::vector<std::pair<std::string, std::string>> settings() const override {
    return runner_->settings();
  }

 private:
  std::string path_;
  std::unique_ptr<ModelRunner> runner_;
  std::map<std::string, HostTensor> results_;
};

}  // namespace

sam::OpenForeignModel open_foreign(const std::shared_ptr<const sam::ForeignParts>& parts,
                                   int threads) {
  if (parts == nullptr) return {};
  return [parts, threads](const std::string& path, const std::vector<std::string>& more_outputs) {
    RuntimeOptions options;
    options.runtime = parts->runtime;
    options.provider = parts->provider;
    options.threads = threads;
    options.more_outputs = more_outputs;
    return std::make_unique<RuntimeModel>(path,
                                          runtimes::named(parts->runtime).open(path, options));
  };
}

}  // namespace lasso
