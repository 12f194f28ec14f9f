#include "runtimes/onnxruntime/session.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "formats/text.h"
#include "runtimes/onnxruntime/model_bytes.h"

namespace lasso::runtimes::onnxruntime {

namespace {

constexpr std::string_view kSuffix = "ExecutionProvider";

constexpr TypeNames kTypes[] = {
    {ElementType::kFloat32, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, "float32", 4},
    {ElementType::kFloat16, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16, "float16", 2},
    {ElementType::kBFloat16, ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16, "bfloat16", 2},
    {ElementType::kFloat64, ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE, "float64", 8},
    {ElementType::kInt8, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8, "int8", 1},
    {ElementType::kUInt8, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, "uint8", 1},
    {ElementType::kInt16, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16, "int16", 2},
    {ElementType::kInt32, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, "int32", 4},
    {ElementType::kInt64, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, "int64", 8},
    {ElementType::kBool, ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL, "bool", 1},
};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string without_suffix(const std::string& provider) {
  const bool ends = provider.size() > kSuffix.size() &&
                    std::string_view(provider).substr(provider.size() - kSuffix.size()) == kSuffix;
  return ends ? provider.substr(0, provider.size() - kSuffix.size()) : provider;
}

// Of opening a model.
ErrorCode code_of_opening(OrtErrorCode code) {
  switch (code) {
    case ORT_NO_SUCHFILE:
      return ErrorCode::kNotFound;
    case ORT_INVALID_PROTOBUF:
    case ORT_INVALID_GRAPH:
    case ORT_NO_MODEL:
      return ErrorCode::kCorruptFile;
    default:
      return ErrorCode::kUnsupported;
  }
}

// Each provider that has settings of its own is asked for in its own way.
void append_provider(OrtSessionOptions* options, const std::string& provider) {
  const Library& library = Library::get();
  const OrtApi& api = library.api();
  const std::string name = without_suffix(provider);
  const auto check = [&](OrtStatus* status) {
    library.check(
        status, [](OrtErrorCode) { return ErrorCode::kDevice; },
        "provider \"" + short_name(provider) + "\": ");
  };
  if (short_name(provider) == "cpu") return;  // the last one in any case
  if (short_name(provider) == "cuda") {
    OrtCUDAProviderOptionsV2* cuda = nullptr;
    check(api.CreateCUDAProviderOptions(&cuda));
    OrtStatus* status = api.SessionOptionsAppendExecutionProvider_CUDA_V2(options, cuda);
    api.ReleaseCUDAProviderOptions(cuda);
    check(status);
    return;
  }
  if (short_name(provider) == "tensorrt") {
    OrtTensorRTProviderOptionsV2* tensorrt = nullptr;
    check(api.CreateTensorRTProviderOptions(&tensorrt));
    OrtStatus* status = api.SessionOptionsAppendExecutionProvider_TensorRT_V2(options, tensorrt);
    api.ReleaseTensorRTProviderOptions(tensorrt);
    check(status);
    return;
  }
  // Some are known by their name in capitals.
  std::string capitals = name;
  std::transform(capitals.begin(), capitals.end(), capitals.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  OrtStatus* status =
      api.SessionOptionsAppendExecutionProvider(options, name.c_str(), nullptr, nullptr, 0);
  if (status == nullptr) return;
  api.ReleaseStatus(status);
  check(api.SessionOptionsAppendExecutionProvider(options, capitals.c_str(), nullptr, nullptr, 0));
}

SessionOptions make_options(const OnnxModel& model, const RuntimeOptions& runtime) {
  const Library& library = Library::get();
  const OrtApi& api = library.api();
  OrtSessionOptions* raw = nullptr;
  library.check(api.CreateSessionOptions(&raw));
  SessionOptions options(raw);
  library.check(api.SetSessionGraphOptimizationLevel(raw, ORT_ENABLE_ALL));
  library.check(api.SetSessionExecutionMode(raw, ORT_SEQUENTIAL));
  library.check(api.SetIntraOpNumThreads(raw, runtime.threads));
  library.check(api.SetInterOpNumThreads(raw, 1));
  if (!runtime.more_outputs.empty()) {
    // A model in memory has no folder that its external data would lie in.
    const auto folder = std::filesystem::absolute(model.path).parent_path().string();
    library.check(api.AddSessionConfigEntry(
        raw, "session.model_external_initializers_file_folder_path", folder.c_str()));
  }
  append_provider(raw, find_provider(runtime.provider));
  return options;
}

using GetCount = OrtStatus*(ORT_API_CALL*)(const OrtSession*, std::size_t*);
using GetType = OrtStatus*(ORT_API_CALL*)(const OrtSession*, std::size_t, OrtTypeInfo**);
using GetName = OrtStatus*(ORT_API_CALL*)(const OrtSession*, std::size_t, OrtAllocator*, char**);

std::vector<std::string> shape_of(const OrtTensorTypeAndShapeInfo* info, const std::string& name) {
  const Library& library = Library::get();
  const OrtApi& api = library.api();
  std::size_t rank = 0;
  library.check(api.GetDimensionsCount(info, &rank));
  std::vector<std::int64_t> sizes(rank);
  std::vector<const char*> symbols(rank, "");
  library.check(api.GetDimensions(info, sizes.data(), rank));
  library.check(api.GetSymbolicDimensions(info, symbols.data(), rank));
  std::vector<std::string> shape;
  for (std::size_t i = 0; i < rank; ++i) {
    if (sizes[i] >= 0) {
      shape.push_back(std::to_string(sizes[i]));
    } else if (symbols[i] != nullptr && *symbols[i] != '\0') {
      shape.push_back(printable(symbols[i], 60));
    } else {
      shape.push_back(fmt::format("{}_{}", printable(name, 60), i));
    }
  }
  return shape;
}

std::vector<ArgumentInfo> arguments_of(OrtSession* session, const std::string& path,
                                       const char* what, GetCount get_count, GetName get_name,
                                       GetType get_type) {
  const Library& library = Library::get();
  const OrtApi& api = library.api();
  OrtAllocator* allocator = nullptr;
  library.check(api.GetAllocatorWithDefaultOptions(&allocator));
  std::size_t count = 0;
  library.check(get_count(session, &count));
  std::vector<ArgumentInfo> arguments(count);
  for (std::size_t i = 0; i < count; ++i) {
    char* name = nullptr;
    library.check(get_name(session, i, allocator, &name));
    arguments[i].name = name;
    library.check(api.AllocatorFree(allocator, name));
    OrtTypeInfo* type = nullptr;
    library.check(get_type(session, i, &type));
    const TypeInfo owner(type);
    const OrtTensorTypeAndShapeInfo* tensor = nullptr;  // the type's
    library.check(api.CastTypeInfoToTensorInfo(type, &tensor));
    LASSO_CHECK(tensor != nullptr, ErrorCode::kUnsupported, "{}: {} \"{}\" is no tensor", path,
                what, printable(arguments[i].name));
    ONNXTensorElementDataType element = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    library.check(api.GetTensorElementType(tensor, &element));
    const TypeNames* known = find_type(element);
    LASSO_CHECK(known != nullptr, ErrorCode::kUnsupported,
                "{}: {} \"{}\" is of ONNX's element type {}, which Lasso's tensors do not have",
                path, what, printable(arguments[i].name), static_cast<int>(element));
    arguments[i].type = known->type;
    arguments[i].shape = shape_of(tensor, arguments[i].name);
  }
  return arguments;
}

}  // namespace

std::string short_name(const std::string& provider) { return lower(without_suffix(provider)); }

std::string find_provider(const std::string& name) {
  std::vector<std::string> offered;
  for (const std::string& provider : Library::get().providers()) {
    if (short_name(provider) == short_name(name)) return provider;
    offered.push_back(short_name(provider));
  }
  fail(ErrorCode::kUnsupported, "provider \"{}\": {} offers {}", printable(name),
       Library::get().file(), fmt::join(offered, ", "));
}

Session open_session(const OnnxModel& model, const RuntimeOptions& options) {
  const Library& library = Library::get();
  const OrtApi& api = library.api();
  check_names(model, options.more_outputs);
  const SessionOptions session_options = make_options(model, options);
  OrtSession* session = nullptr;
  OrtStatus* status = nullptr;
  if (options.more_outputs.empty()) {
    status = api.CreateSession(&library.env(), model.path.c_str(), session_options.get(), &session);
  } else {
    const std::vector<std::byte> bytes = with_outputs(model, options.more_outputs);
    status = api.CreateSessionFromArray(&library.env(), bytes.data(), bytes.size(),
                                        session_options.get(), &session);
  }
  library.check(status, code_of_opening, model.path + ": ");
  return Session(session);
}

std::vector<ArgumentInfo> inputs_of(OrtSession* session, const std::string& path) {
  const OrtApi& api = Library::get().api();
  return arguments_of(session, path, "input", api.SessionGetInputCount, api.SessionGetInputName,
                      api.SessionGetInputTypeInfo);
}

std::vector<ArgumentInfo> outputs_of(OrtSession* session, const std::string& path) {
  const OrtApi& api = Library::get().api();
  return arguments_of(session, path, "output", api.SessionGetOutputCount, api.SessionGetOutputName,
                      api.SessionGetOutputTypeInfo);
}

const TypeNames* find_type(ElementType type) {
  for (const TypeNames& known : kTypes) {
    if (known.type == type) return &known;
  }
  return nullptr;
}

const TypeNames* find_type(ONNXTensorElementDataType type) {
  for (const TypeNames& known : kTypes) {
    if (known.onnx == type) return &known;
  }
  return nullptr;
}

}  // namespace lasso::runtimes::onnxruntime
