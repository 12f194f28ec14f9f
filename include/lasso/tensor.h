// Tensors in host memory, as programs take and return them, and NumPy's archives of them.
#ifndef LASSO_TENSOR_H_
#define LASSO_TENSOR_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lasso/export.h"

namespace lasso {

enum class ElementType : std::uint8_t {
  kFloat32,
  kFloat16,
  kBFloat16,  // the upper half of a float32
  kFloat64,
  kInt8,
  kUInt8,
  kInt16,
  kInt32,
  kInt64,
  kBool,  // one byte, 0 or 1
};

// "float32", "bfloat16", "uint8", "bool", ...
LASSO_EXPORT const char* to_string(ElementType type) noexcept;
LASSO_EXPORT std::size_t size_of(ElementType type) noexcept;  // bytes of one element

// Somebody else's elements: dense, row-major, little-endian, and aligned to their own size. The
// memory must stay valid and unchanged during the call that takes the view; no call keeps it. An
// empty shape is a single element.
struct HostTensorView {
  ElementType type = ElementType::kFloat32;
  std::vector<std::int64_t> shape;
  const void* data = nullptr;
};

// A tensor that owns its elements.
struct HostTensor {
  ElementType type = ElementType::kFloat32;
  std::vector<std::int64_t> shape;
  std::vector<std::byte> bytes;  // of as many elements as the shape says

  HostTensorView view() const { return {type, shape, bytes.data()}; }
  // The elements; T is the C++ type of `type`.
  template <typename T>
  const T* as() const {
    return reinterpret_cast<const T*>(bytes.data());
  }
};

// Reads the arrays of a .npz file, as numpy.savez and numpy.savez_compressed write it, by their
// names. Objects are never unpickled. Throws kNotFound, kCorruptFile, and kUnsupported for types
// that ElementType lacks.
LASSO_EXPORT std::map<std::string, HostTensor> load_npz(const std::string& path);

// Writes such a file, stored and not compressed. It appears complete or not at all. Throws
// kInvalidArgument where it can't be written, for a tensor with another number of bytes than its
// shape says, and for bfloat16, which NumPy lacks.
LASSO_EXPORT void save_npz(const std::string& path,
                           const std::map<std::string, HostTensor>& tensors);

}  // namespace lasso

#endif  // LASSO_TENSOR_H_
