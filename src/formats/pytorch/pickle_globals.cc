#include "formats/pytorch/pickle_globals.h"

#include <algorithm>
#include <array>

#include "core/check.h"
#include "formats/text.h"

namespace lasso {

namespace {

constexpr auto kStorage = GlobalKind::kStorage;
constexpr auto kElementType = GlobalKind::kElementType;

constexpr auto kGlobals = std::to_array<PickleGlobal>({
    {"collections", "OrderedDict", GlobalKind::kDictionary},
    {"collections", "defaultdict", GlobalKind::kDictionary},
    {"builtins", "dict", GlobalKind::kDictionary},
    {"builtins", "set", GlobalKind::kSet},
    {"builtins", "frozenset", GlobalKind::kSet},
    // Protocol 2 calls "builtins" by its old name.
    {"__builtin__", "dict", GlobalKind::kDictionary},
    {"__builtin__", "set", GlobalKind::kSet},
    {"__builtin__", "frozenset", GlobalKind::kSet},
    {"torch._utils", "_rebuild_tensor_v2", GlobalKind::kRebuildTensor},
    {"torch._utils", "_rebuild_tensor", GlobalKind::kRebuildTensor},
    {"torch._utils", "_rebuild_tensor_v3", GlobalKind::kRebuildTyped},
    {"torch._utils", "_rebuild_parameter", GlobalKind::kRebuildParameter},
    {"torch._utils", "_rebuild_parameter_with_state", GlobalKind::kRebuildParameter},
    {"torch._tensor", "_rebuild_from_type_v2", GlobalKind::kRebuildFromType},
    {"torch", "Tensor", GlobalKind::kTensorClass},
    {"torch.nn.parameter", "Parameter", GlobalKind::kTensorClass},
    {"copyreg", "_reconstructor", GlobalKind::kReconstructor},
    {"copyreg", "__newobj__", GlobalKind::kReconstructor},
    {"copyreg", "__newobj_ex__", GlobalKind::kReconstructor},
    {"copy_reg", "_reconstructor", GlobalKind::kReconstructor},
    {"copy_reg", "__newobj__", GlobalKind::kReconstructor},
    {"torch", "FloatStorage", kStorage, 4, DType::kF32},
    {"torch", "HalfStorage", kStorage, 2, DType::kF16},
    {"torch", "BFloat16Storage", kStorage, 2, DType::kBF16},
    {"torch", "DoubleStorage", kStorage, 8, DType::kF64},
    {"torch", "CharStorage", kStorage, 1, DType::kI8},
    {"torch", "ByteStorage", kStorage, 1, DType::kU8},
    {"torch", "ShortStorage", kStorage, 2, DType::kI16},
    {"torch", "IntStorage", kStorage, 4, DType::kI32},
    {"torch", "LongStorage", kStorage, 8, DType::kI64},
    {"torch", "BoolStorage", kStorage, 1, DType::kBool},
    {"torch", "ComplexFloatStorage", kStorage, 8},
    {"torch", "ComplexDoubleStorage", kStorage, 16},
    {"torch", "QInt8Storage", kStorage, 1},
    {"torch", "QUInt8Storage", kStorage, 1},
    {"torch", "QInt32Storage", kStorage, 4},
    {"torch", "QUInt4x2Storage", kStorage, 1},
    {"torch", "QUInt2x4Storage", kStorage, 1},
    // Bytes; _rebuild_tensor_v3 says what they are.
    {"torch.storage", "UntypedStorage", kStorage, 1},
    {"torch", "UntypedStorage", kStorage, 1},
    {"torch", "float32", kElementType, 4, DType::kF32},
    {"torch", "float16", kElementType, 2, DType::kF16},
    {"torch", "bfloat16", kElementType, 2, DType::kBF16},
    {"torch", "float64", kElementType, 8, DType::kF64},
    {"torch", "int8", kElementType, 1, DType::kI8},
    {"torch", "uint8", kElementType, 1, DType::kU8},
    {"torch", "int16", kElementType, 2, DType::kI16},
    {"torch", "int32", kElementType, 4, DType::kI32},
    {"torch", "int64", kElementType, 8, DType::kI64},
    {"torch", "bool", kElementType, 1, DType::kBool},
});

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view prefix) { return text.starts_with(prefix); });
}

bool is_any(std::string_view text, std::initializer_list<std::string_view> others) {
  return std::find(others.begin(), others.end(), text) != others.end();
}

std::string_view first_component(std::string_view name) { return name.substr(0, name.find('.')); }

constexpr std::string_view kResave =
    "save only the weights: torch.save(model.state_dict(), \"weights.pth\")";

}  // namespace

const PickleGlobal* find_pickle_global(std::string_view module, std::string_view name) {
  for (const PickleGlobal& global : kGlobals) {
    if (global.module == module && global.name == name) return &global;
  }
  return nullptr;
}

void refuse_dangerous_global(const std::string& file, std::string_view module,
                             std::string_view name) {
  // Protocol 2 writes Python 2's names: commands for subprocess, __builtin__ for builtins; and open
  // is io's.
  const auto is_module = [](std::string_view top) {
    return is_any(top, {"os", "posix", "nt", "subprocess", "commands", "importlib", "runpy"});
  };
  const std::string_view first = first_component(name);
  const bool dotted = first.size() < name.size();
  const bool dangerous = is_module(first_component(module)) || (dotted && is_module(first)) ||
                         (is_any(module, {"builtins", "__builtin__"}) &&
                          is_any(first, {"eval", "exec", "compile", "open", "__import__"})) ||
                         (is_any(module, {"io", "_io"}) && is_any(first, {"open", "open_code"}));
  LASSO_CHECK(!dangerous, ErrorCode::kCorruptFile,
              "{}: loading this file in Python would run {}; Lasso executes nothing from "
              "checkpoints. If you trust the file, load it in Python and {}",
              file, printable(fmt::format("{}.{}", module, name)), kResave);
}

bool is_yolo_class(std::string_view module) {
  return starts_with_any(module, {"ultralytics.", "models.yolo", "models.common",
                                  "models.experimental", "yolov5.", "yolov6.", "yolov7."});
}

std::string describe_object(std::string_view module, std::string_view name) {
  const std::string full = printable(fmt::format("{}.{}", module, name));
  if (is_yolo_class(module)) {
    return fmt::format(
        "a YOLO model, saved as a Python object of class {}; a SAM checkpoint is needed here, and "
        "a YOLO runs from YOLOv7's checkpoint or from its ONNX export (lasso run)",
        full);
  }
  if (module.starts_with("__torch__")) {
    return fmt::format("a TorchScript program (class {}); {}", full, kResave);
  }
  return fmt::format("{} (class {}); Lasso executes nothing from checkpoints: {}",
                     is_model_class(module) ? "a model saved as a whole Python object"
                                            : "an object in place of a dictionary of tensors",
                     full, kResave);
}

bool is_model_class(std::string_view module) {
  return is_yolo_class(module) ||
         starts_with_any(module, {"__torch__", "torch.nn.", "torchvision.", "transformers.",
                                  "timm.", "sam2.", "segment_anything.", "mobile_sam.", "peft"});
}

}  // namespace lasso
