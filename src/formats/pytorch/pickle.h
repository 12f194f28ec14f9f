// Python's pickle format, read as data: an allow-list of opcodes and of names, and nothing is
// executed.
#ifndef LASSO_FORMATS_PYTORCH_PICKLE_H_
#define LASSO_FORMATS_PYTORCH_PICKLE_H_

#include <cstddef>
#include <cstdint>
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
  kFloat,
  kString,
  kBytes,
  kTuple,
  kList,
  kDict,
  kGlobal,
  kStorage,
  kTensor,
  kOpaque,  // a value whose content is skipped
};

using PickleId = std::uint32_t;  // index of a value

struct PickleValue {
  PickleType type = PickleType::kNone;
  std::uint32_t index = 0;   // of its items (tuple, list, dict), storage or tensor
  std::int64_t integer = 0;  // of kBool and kInt
  std::string_view text;     // of kString and kBytes; lies in the pickle's bytes
  const PickleGlobal* global = nullptr;
};

// What torch.save's persistent id says of a storage.
struct PickleStorage {
  DType dtype = DType::kF32;
  std::string_view key;  // of the archive's entry
  std::int64_t elements = 0;
};

// A view of a storage, of which every element lies inside it.
struct PickleTensor {
  std::uint32_t storage = 0;
  std::int64_t offset = 0;  // in elements
  Dims dims;
  Dims strides;  // in elements
};

// Values refer to one another by index: shared and cyclic structures are as harmless as any other.
struct Pickle {
  PickleId root = 0;
  std::vector<PickleValue> values;
  std::vector<std::vector<PickleId>> items;  // of a dict: key, value, key, value, ...
  std::vector<PickleStorage> storages;
  std::vector<PickleTensor> tensors;

  const PickleValue& value(PickleId id) const { return values.at(id); }
  const std::vector<PickleId>& items_of(const PickleValue& value) const {
    return items.at(value.index);
  }
};

// Reads a pickle of protocol 2 to 5. The bytes must outlive the result; `name` stands in error
// messages. Throws kCorruptFile or kUnsupported; memory stays within a small multiple of `size`.
Pickle read_pickle(const std::byte* data, std::size_t size, const std::string& name);

}  // namespace lasso

#endif  // LASSO_FORMATS_PYTORCH_PICKLE_H_
