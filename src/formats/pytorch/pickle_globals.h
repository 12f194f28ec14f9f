// The names that a checkpoint's pickle may mention, and what Lasso takes them for. None is ever
// called.
#ifndef LASSO_FORMATS_PYTORCH_PICKLE_GLOBALS_H_
#define LASSO_FORMATS_PYTORCH_PICKLE_GLOBALS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "core/dtype.h"

namespace lasso {

enum class GlobalKind : std::uint8_t {
  kDictionary,        // collections.OrderedDict, collections.defaultdict
  kStorage,           // torch.FloatStorage, ...: a type of elements
  kRebuildTensor,     // (storage, offset, sizes, strides, ...) -> tensor
  kRebuildParameter,  // (tensor, ...) -> tensor
  kOpaque,            // data that Lasso has no use for: argparse.Namespace, numpy scalars, ...
};

struct PickleGlobal {
  std::string_view module;
  std::string_view name;
  GlobalKind kind = GlobalKind::kOpaque;
  DType dtype = DType::kF32;  // of a storage
};

// Null for a name that is not allowed.
const PickleGlobal* find_pickle_global(std::string_view module, std::string_view name);

// Throws for a name that is not allowed: it says what the file is where the name tells (a whole
// YOLO model, a whole module, ...), and what would have run otherwise.
[[noreturn]] void refuse_pickle_global(const std::string& file, std::string_view module,
                                       std::string_view name);

}  // namespace lasso

#endif  // LASSO_FORMATS_PYTORCH_PICKLE_GLOBALS_H_
