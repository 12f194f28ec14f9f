// The names in a checkpoint's pickle that mean something to Lasso. None is ever called.
#ifndef LASSO_FORMATS_PYTORCH_PICKLE_GLOBALS_H_
#define LASSO_FORMATS_PYTORCH_PICKLE_GLOBALS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/dtype.h"

namespace lasso {

enum class GlobalKind : std::uint8_t {
  kDictionary,     // collections.OrderedDict, collections.defaultdict, dict
  kSet,            // set, frozenset
  kStorage,        // torch.FloatStorage, ...: a type of elements
  kElementType,    // torch.float32, ...
  kTensorClass,    // torch.Tensor, torch.nn.parameter.Parameter
  kRebuildTensor,  // (storage, offset, sizes, strides, ...) -> tensor
  kRebuildTyped,   // (storage of bytes, offset, sizes, strides, ., ., element type, ...) -> tensor
  kRebuildParameter,  // (tensor, ...) -> tensor
  kRebuildFromType,   // (function, class, arguments, state) -> tensor
  kReconstructor,     // (class, ...) -> an object of the class
};

struct PickleGlobal {
  std::string_view module;
  std::string_view name;
  GlobalKind kind = GlobalKind::kDictionary;
  std::size_t item_bytes = 0;    // of a storage's elements
  std::optional<DType> dtype{};  // of a storage, or an element type; none: one that Lasso lacks
};

// Null for a name that means nothing to Lasso.
const PickleGlobal* find_pickle_global(std::string_view module, std::string_view name);

// Throws kCorruptFile for names that have no business in a checkpoint and that attacks are made of
// (os.system, builtins.eval, ...), wherever they stand. This serves the message: what makes it safe
// to read a file is that nothing is called.
void refuse_dangerous_global(const std::string& file, std::string_view module,
                             std::string_view name);

// A clause about a file that has an object of this class where its weights should be: what the
// file is, where the class tells (a whole YOLO model, a whole module, ...), and what to do.
std::string describe_object(std::string_view module, std::string_view name);

// Whether a class's module is one of a YOLO's repository.
bool is_yolo_class(std::string_view module);

// Whether the class is known as a part of a model.
bool is_model_class(std::string_view module);

}  // namespace lasso

#endif  // LASSO_FORMATS_PYTORCH_PICKLE_GLOBALS_H_
