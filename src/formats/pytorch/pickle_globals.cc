#include "formats/pytorch/pickle_globals.h"

#include <array>

#include "core/check.h"
#include "formats/text.h"

namespace lasso {

namespace {

constexpr auto kDictionary = GlobalKind::kDictionary;
constexpr auto kStorage = GlobalKind::kStorage;
constexpr auto kOpaque = GlobalKind::kOpaque;

constexpr auto kGlobals = std::to_array<PickleGlobal>({
    {"collections", "OrderedDict", kDictionary},
    {"collections", "defaultdict", kDictionary},
    {"torch._utils", "_rebuild_tensor_v2", GlobalKind::kRebuildTensor},
    {"torch._utils", "_rebuild_tensor", GlobalKind::kRebuildTensor},
    {"torch._utils", "_rebuild_parameter", GlobalKind::kRebuildParameter},
    {"torch._utils", "_rebuild_parameter_with_state", GlobalKind::kRebuildParameter},
    {"torch", "FloatStorage", kStorage, DType::kF32},
    {"torch", "HalfStorage", kStorage, DType::kF16},
    {"torch", "BFloat16Storage", kStorage, DType::kBF16},
    {"torch", "DoubleStorage", kStorage, DType::kF64},
    {"torch", "CharStorage", kStorage, DType::kI8},
    {"torch", "ByteStorage", kStorage, DType::kU8},
    {"torch", "ShortStorage", kStorage, DType::kI16},
    {"torch", "IntStorage", kStorage, DType::kI32},
    {"torch", "LongStorage", kStorage, DType::kI64},
    {"torch", "BoolStorage", kStorage, DType::kBool},
    // What training scripts keep beside the weights: data types whose content is skipped.
    {"argparse", "Namespace", kOpaque},
    {"types", "SimpleNamespace", kOpaque},
    {"collections", "Counter", kOpaque},
    {"collections", "deque", kOpaque},
    {"datetime", "date", kOpaque},
    {"datetime", "datetime", kOpaque},
    {"datetime", "timedelta", kOpaque},
    {"pathlib", "Path", kOpaque},
    {"pathlib", "PosixPath", kOpaque},
    {"pathlib", "PurePosixPath", kOpaque},
    {"pathlib", "WindowsPath", kOpaque},
    {"_codecs", "encode", kOpaque},
    // Protocol 2 calls "builtins" by its old name.
    {"builtins", "bool", kOpaque},
    {"builtins", "bytearray", kOpaque},
    {"builtins", "complex", kOpaque},
    {"builtins", "dict", kDictionary},
    {"builtins", "float", kOpaque},
    {"builtins", "frozenset", kOpaque},
    {"builtins", "int", kOpaque},
    {"builtins", "list", kOpaque},
    {"builtins", "set", kOpaque},
    {"builtins", "slice", kOpaque},
    {"builtins", "str", kOpaque},
    {"__builtin__", "bool", kOpaque},
    {"__builtin__", "bytearray", kOpaque},
    {"__builtin__", "complex", kOpaque},
    {"__builtin__", "dict", kDictionary},
    {"__builtin__", "float", kOpaque},
    {"__builtin__", "frozenset", kOpaque},
    {"__builtin__", "int", kOpaque},
    {"__builtin__", "list", kOpaque},
    {"__builtin__", "long", kOpaque},
    {"__builtin__", "set", kOpaque},
    {"__builtin__", "slice", kOpaque},
    {"__builtin__", "unicode", kOpaque},
    {"numpy", "dtype", kOpaque},
    {"numpy", "ndarray", kOpaque},
    {"numpy.core.multiarray", "scalar", kOpaque},
    {"numpy.core.multiarray", "_reconstruct", kOpaque},
    {"numpy._core.multiarray", "scalar", kOpaque},
    {"numpy._core.multiarray", "_reconstruct", kOpaque},
    {"torch", "Size", kOpaque},
    {"torch", "device", kOpaque},
    {"torch", "Tensor", kOpaque},
    {"torch", "bfloat16", kOpaque},
    {"torch", "bool", kOpaque},
    {"torch", "float16", kOpaque},
    {"torch", "float32", kOpaque},
    {"torch", "float64", kOpaque},
    {"torch", "int32", kOpaque},
    {"torch", "int64", kOpaque},
    {"torch", "uint8", kOpaque},
    {"torch.nn.parameter", "Parameter", kOpaque},
    {"pytorch_lightning.utilities.parsing", "AttributeDict", kOpaque},
    {"lightning.pytorch.utilities.parsing", "AttributeDict", kOpaque},
    {"lightning_fabric.utilities.data", "AttributeDict", kOpaque},
});

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> prefixes) {
  for (const std::string_view prefix : prefixes) {
    if (text.starts_with(prefix)) return true;
  }
  return false;
}

constexpr std::string_view kResave =
    "save only the weights: torch.save(model.state_dict(), \"weights.pth\")";

}  // namespace

const PickleGlobal* find_pickle_global(std::string_view module, std::string_view name) {
  for (const PickleGlobal& global : kGlobals) {
    if (global.module == module && global.name == name) return &global;
  }
  return nullptr;
}

void refuse_pickle_global(const std::string& file, std::string_view module, std::string_view name) {
  const std::string full = printable(fmt::format("{}.{}", module, name));
  if (starts_with_any(module, {"ultralytics.", "models.yolo", "models.common",
                               "models.experimental", "yolov5.", "yolov7."})) {
    fail(ErrorCode::kUnsupported,
         "{}: a YOLO model, saved as a Python object of class {}; a SAM checkpoint is needed here, "
         "and a YOLO model must be exported to ONNX first",
         file, full);
  }
  if (module == "torch" && name != "Storage" && name.ends_with("Storage")) {
    fail(ErrorCode::kUnsupported,
         "{}: tensors of type {} are not supported; convert them to float32 and {}", file, full,
         kResave);
  }
  if (module.starts_with("__torch__")) {
    fail(ErrorCode::kUnsupported, "{}: a TorchScript program (class {}); {}", file, full, kResave);
  }
  if (starts_with_any(module, {"torch.nn.", "torchvision.", "transformers.", "timm.", "sam2.",
                               "segment_anything.", "mobile_sam.", "peft."})) {
    fail(ErrorCode::kUnsupported,
         "{}: a model saved as a whole Python object (class {}); Lasso executes nothing from "
         "checkpoints: {}",
         file, full, kResave);
  }
  fail(ErrorCode::kCorruptFile,
       "{}: loading this file in Python would run {}; Lasso executes nothing from checkpoints. If "
       "you trust the file, load it in Python and {}",
       file, full, kResave);
}

}  // namespace lasso
