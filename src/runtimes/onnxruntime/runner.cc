#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <utility>

#include "core/bytes.h"
#include "core/guard.h"
#include "core/stopwatch.h"
#include "formats/file_kind.h"
#include "formats/onnx/check_onnx.h"
#include "formats/onnx/onnx_reader.h"
#include "formats/text.h"
#include "runtimes/onnxruntime/onnxruntime.h"
#include "runtimes/onnxruntime/session.h"

namespace lasso::runtimes::onnxruntime {

namespace {

using Inputs = std::map<std::string, HostTensorView>;
using Outputs = std::map<std::string, HostTensor>;

// Of running one.
ErrorCode code_of_running(OrtErrorCode code) {
  switch (code) {
    case ORT_INVALID_ARGUMENT:
      return ErrorCode::kInvalidArgument;
    case ORT_NOT_IMPLEMENTED:
      return ErrorCode::kUnsupported;
    default:
      return ErrorCode::kDevice;
  }
}

// Reading it first, with Lasso's own reader, makes errors name the node and field, and keeps
// external data where they belong.
OnnxModel read_model(const std::string& path) {
  const auto file = MappedFile::open(path);
  const FileKind kind = file_kind(*file);
  LASSO_CHECK(kind == FileKind::kOnnx, ErrorCode::kUnsupported,
              "{}: is no ONNX model, and the runtime \"onnxruntime\" takes only those", path);
  return check_onnx(read_onnx(file));
}

const ArgumentInfo* find(const std::vector<ArgumentInfo>& arguments, const std::string& name) {
  const auto at = std::find_if(arguments.begin(), arguments.end(),
                               [&](const ArgumentInfo& a) { return a.name == name; });
  return at == arguments.end() ? nullptr : &*at;
}

std::string names_of(const std::vector<ArgumentInfo>& arguments) {
  std::vector<std::string> names;
  for (const ArgumentInfo& argument : arguments) names.push_back(argument.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

bool is_number(const std::string& dim) {
  return dim.find_first_not_of("0123456789") == std::string::npos;
}

// Symbols take any size; ONNX Runtime itself finds those that contradict each other.
void check_input(const ArgumentInfo& input, const HostTensorView& tensor) {
  const TypeNames* type = find_type(tensor.type);
  LASSO_CHECK(type != nullptr, ErrorCode::kInvalidArgument, "input \"{}\" is of no known type",
              input.name);
  LASSO_CHECK(tensor.type == input.type, ErrorCode::kInvalidArgument,
              "input \"{}\" is {}, and {} is expected", input.name, type->name,
              find_type(input.type)->name);
  bool fits = tensor.shape.size() == input.shape.size();
  for (std::size_t i = 0; fits && i < tensor.shape.size(); ++i) {
    fits = tensor.shape[i] >= 0 &&
           (!is_number(input.shape[i]) || std::to_string(tensor.shape[i]) == input.shape[i]);
  }
  LASSO_CHECK(fits, ErrorCode::kInvalidArgument, "input \"{}\" is [{}], and [{}] is expected",
              input.name, fmt::join(tensor.shape, ", "), fmt::join(input.shape, ", "));
  LASSO_CHECK(tensor.data != nullptr || element_count(tensor.shape) == 0,
              ErrorCode::kInvalidArgument, "input \"{}\" has no data", input.name);
}

class OnnxRuntimeRunner final : public ModelRunner {
 public:
  OnnxRuntimeRunner(const OnnxModel& model, const RuntimeOptions& options)
      : options_(options),
        session_(open_session(model, options)),
        inputs_(inputs_of(session_.get(), model.path)),
        outputs_(outputs_of(session_.get(), model.path)) {
    const Library& library = Library::get();
    OrtMemoryInfo* memory = nullptr;
    library.check(library.api().CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory));
    memory_.reset(memory);
  }

  const std::vector<ArgumentInfo>& inputs() const override { return inputs_; }
  const std::vector<ArgumentInfo>& outputs() const override { return outputs_; }
  int threads() const override { return options_.threads; }
  double last_run_ms() const override { return ms_; }

  std::map<std::string, std::int64_t> typical_sizes() const override {
    std::map<std::string, std::int64_t> sizes;
    for (const ArgumentInfo& input : inputs_) {
      for (const std::string& dim : input.shape) {
        if (!is_number(dim)) sizes[dim] = 1;
      }
    }
    return sizes;
  }

  std::vector<std::pair<std::string, std::string>> settings() const override {
    return {{"runtime", "onnxruntime " + Library::get().version()},
            {"provider", short_name(options_.provider)},
            {"threads", std::to_string(options_.threads)},
            {"graph optimisation", "all"},
            {"execution", "sequential"}};
  }

  void run(const Inputs& inputs, Outputs* outputs) override {
    LASSO_CHECK(outputs != nullptr, ErrorCode::kInvalidArgument, "outputs is null");
    guarded([&] { run(inputs, *outputs); });
  }

 private:
  void run(const Inputs& inputs, Outputs& outputs) {
    std::vector<Value> values = take(inputs);
    std::vector<const char*> input_names;
    std::vector<const OrtValue*> from;
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      input_names.push_back(inputs_[i].name.c_str());
      from.push_back(values[i].get());
    }
    std::vector<const char*> output_names;
    for (const ArgumentInfo& output : outputs_) output_names.push_back(output.name.c_str());
    std::vector<OrtValue*> results(outputs_.size(), nullptr);
    const Library& library = Library::get();
    const Stopwatch watch;
    OrtStatus* status =
        library.api().Run(session_.get(), nullptr, input_names.data(), from.data(), from.size(),
                          output_names.data(), output_names.size(), results.data());
    ms_ = watch.milliseconds();
    std::vector<Value> owned;
    for (OrtValue* result : results) owned.emplace_back(result);
    library.check(status, code_of_running, "");
    for (std::size_t i = 0; i < owned.size(); ++i) {
      give(outputs_[i], owned[i].get(), outputs[outputs_[i].name]);
    }
    for (auto it = outputs.begin(); it != outputs.end();) {
      it = find(outputs_, it->first) != nullptr ? std::next(it) : outputs.erase(it);
    }
  }

  // Views of the caller's memory, which runs do not write to.
  std::vector<Value> take(const Inputs& inputs) const {
    for (const auto& [name, tensor] : inputs) {
      LASSO_CHECK(find(inputs_, name) != nullptr, ErrorCode::kInvalidArgument,
                  "the model has no input \"{}\": expected {}", name, names_of(inputs_));
    }
    std::vector<Value> values;
    for (const ArgumentInfo& input : inputs_) {
      const auto at = inputs.find(input.name);
      LASSO_CHECK(at != inputs.end(), ErrorCode::kInvalidArgument,
                  "input \"{}\" is missing: expected {}", input.name, names_of(inputs_));
      const HostTensorView& tensor = at->second;
      check_input(input, tensor);
      const TypeNames* type = find_type(tensor.type);
      const std::size_t bytes = static_cast<std::size_t>(element_count(tensor.shape)) * type->bytes;
      OrtValue* value = nullptr;
      const Library& library = Library::get();
      library.check(library.api().CreateTensorWithDataAsOrtValue(
          memory_.get(), const_cast<void*>(tensor.data), bytes, tensor.shape.data(),
          tensor.shape.size(), type->onnx, &value));
      values.emplace_back(value);
    }
    return values;
  }

  static void give(const ArgumentInfo& output, OrtValue* value, HostTensor& tensor) {
    const Library& library = Library::get();
    const OrtApi& api = library.api();
    int is_tensor = 0;
    if (value != nullptr) library.check(api.IsTensor(value, &is_tensor));
    LASSO_CHECK(is_tensor != 0, ErrorCode::kUnsupported, "output \"{}\" is no tensor", output.name);
    OrtTensorTypeAndShapeInfo* raw = nullptr;
    library.check(api.GetTensorTypeAndShape(value, &raw));
    const TensorInfo info(raw);
    ONNXTensorElementDataType element = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    library.check(api.GetTensorElementType(raw, &element));
    const TypeNames* type = find_type(element);
    LASSO_CHECK(type != nullptr, ErrorCode::kUnsupported, "output \"{}\" is of an unknown type",
                output.name);
    std::size_t rank = 0;
    library.check(api.GetDimensionsCount(raw, &rank));
    tensor.type = type->type;
    tensor.shape.resize(rank);
    library.check(api.GetDimensions(raw, tensor.shape.data(), rank));
    tensor.bytes.resize(static_cast<std::size_t>(element_count(tensor.shape)) * type->bytes);
    void* data = nullptr;
    library.check(api.GetTensorMutableData(value, &data));
    copy_bytes(tensor.bytes.data(), data, tensor.bytes.size());
  }

  RuntimeOptions options_;
  Session session_;
  std::vector<ArgumentInfo> inputs_;
  std::vector<ArgumentInfo> outputs_;
  MemoryInfo memory_;
  double ms_ = 0;
};

class OnnxRuntime final : public Runtime {
 public:
  std::string name() const override { return "onnxruntime"; }

  RuntimeInfo info() const override {
    const Library& library = Library::get();
    RuntimeInfo info{name(), "ONNX Runtime", library.version(), library.file(), {}};
    for (const std::string& provider : library.providers()) {
      info.providers.push_back(short_name(provider));
    }
    return info;
  }

  std::unique_ptr<ModelRunner> open(const std::string& path,
                                    const RuntimeOptions& options) const override {
    Library::get();  // a build or machine without it is told before the file is looked at
    find_provider(options.provider);
    return std::make_unique<OnnxRuntimeRunner>(read_model(path), options);
  }
};

}  // namespace

const Runtime& runtime() {
  static const OnnxRuntime instance;
  return instance;
}

}  // namespace lasso::runtimes::onnxruntime
