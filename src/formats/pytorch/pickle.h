// Python's pickle format, read as data. Nothing is ever called: what a pickle would have called is
// recorded with its arguments.
#ifndef LASSO_FORMATS_PYTORCH_PICKLE_H_
#define LASSO_FORMATS_PYTORCH_PICKLE_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"
#include "formats/pytorch/pickle_globals.h"

namespace lasso {

enum class PickleType : std::uint8_t {
  kNone,
  kBool,
  kInt,
  kBigInt,  // an integer that 64 bits don't hold
  kFloat,
  kString,
  kBytes,
  kTuple,
  kList,
  kSet,
  kDict,
  kGlobal,
  kStorage,
  kTensor,
  kObject,  // what a call of something that Lasso does not know would have made
};

using PickleId = std::uint32_t;  // index of a value
inline constexpr PickleId kNoPickleValue = 0xffffffff;

struct PickleValue {
  PickleType type = PickleType::kNone;
  // Of its items (tuple, list, set, dict), global, storage, tensor or object.
  std::uint32_t index = 0;
  std::int64_t integer = 0;  // of kBool and kInt; the bits of a kFloat
  // Of kString and kBytes, and of a kBigInt as it stands in the file. It lies in the pickle's
  // bytes, or in Pickle::texts.
  std::string_view text;

  double number() const { return std::bit_cast<double>(integer); }
};

// A name of Python's: a class or a function.
struct PickleName {
  std::string_view module;
  std::string_view name;
  const PickleGlobal* known = nullptr;  // what Lasso takes it for; null: for nothing

  std::string full() const { return std::string(module) + '.' + std::string(name); }
};

struct PickleObject {
  PickleId callable = 0;   // a global or another object
  PickleId arguments = 0;  // a tuple
  PickleId keywords = kNoPickleValue;
  PickleId state = kNoPickleValue;  // its attributes
  // Indices of items, where it was filled like a list (or a set), or like a dictionary.
  std::uint32_t elements = kNoPickleValue;
  std::uint32_t entries = kNoPickleValue;  // key, value, key, value, ...
};

// What torch.save's persistent id says of a storage.
struct PickleStorage {
  const PickleGlobal* type = nullptr;  // of its elements; null: a type that Lasso does not know
  std::string_view type_name;          // "FloatStorage"
  std::string_view key;                // of the archive's entry
  std::int64_t elements = 0;           // of the entry
  std::int64_t first = 0;              // a storage may be a part of its entry: from here on,
  std::int64_t count = 0;              // so many elements
};

// A view of a storage, of which every element lies inside it.
struct PickleTensor {
  std::uint32_t storage = 0;
  std::optional<DType> dtype;  // none: a type that Lasso does not know
  std::string_view type_name;  // "FloatStorage", "float8_e4m3fn"
  std::int64_t offset = 0;     // in elements, from the beginning of the archive's entry
  Dims dims;
  Dims strides;  // in elements
};

// Values refer to one another by index: shared and cyclic structures are as harmless as any other.
struct Pickle {
  PickleId root = 0;
  std::size_t bytes = 0;  // that it takes; others may follow
  std::vector<PickleValue> values;
  std::vector<std::vector<PickleId>> items;  // of a dict: key, value, key, value, ...
  std::vector<PickleName> names;
  std::vector<PickleStorage> storages;
  std::vector<PickleTensor> tensors;
  std::vector<PickleObject> objects;
  std::vector<std::unique_ptr<const std::string>> texts;  // what stood in the file in another form

  const PickleValue& value(PickleId id) const { return values.at(id); }
  const std::vector<PickleId>& items_of(const PickleValue& value) const {
    return items.at(value.index);
  }
};

// The name of an object's class as a message has it: that of what its call calls, or of the class
// that copyreg's functions are called with.
PickleName class_of(const Pickle& pickle, const PickleValue& object);

// Reads a pickle of protocol 0 to 5, which may end before the bytes do. The bytes must outlive the
// result; `name` stands in error messages. Throws kCorruptFile or kUnsupported. Memory is bounded
// by the limits on values, items and tensors, to less than half a gigabyte for any pickle.
Pickle read_pickle(const std::byte* data, std::size_t size, const std::string& name);

}  // namespace lasso

#endif  // LASSO_FORMATS_PYTORCH_PICKLE_H_
