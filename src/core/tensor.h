// Concrete tensor shapes and non-owning views.
#ifndef LASSO_CORE_TENSOR_H_
#define LASSO_CORE_TENSOR_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "core/dtype.h"

namespace lasso {

using Dims = std::vector<std::int64_t>;

// The number of elements; throws kInvalidArgument if a dimension is negative or the product
// overflows. An empty shape is a scalar: 1.
std::int64_t element_count(const Dims& dims);
std::string to_string(const Dims& dims);  // "[1, 64, 64, 256]"

// A dense row-major tensor that somebody else owns.
struct TensorView {
  DType dtype = DType::kF32;
  Dims dims;
  const void* data = nullptr;

  std::size_t bytes() const {
    return static_cast<std::size_t>(element_count(dims)) * size_of(dtype);
  }
  template <typename T>
  const T* as() const {
    return static_cast<const T*>(data);
  }
};

class MappedFile;

// A row-major tensor with shared ownership of its bytes (a mapped file, a buffer).
struct Tensor {
  DType dtype = DType::kF32;
  Dims dims;
  std::shared_ptr<const void> data;
  std::shared_ptr<const MappedFile> file;  // the map that the bytes lie in, if they do
  // Of a matrix: the bytes are those of the transposed one.
  bool transposed = false;

  // Whether the bytes can be read as they lie: in the order of the dimensions, each element at a
  // multiple of its size. Constants of graphs may be otherwise, so that a file's weights need no
  // copy until they are used.
  bool is_dense() const;
  // The tensor itself, or a copy that is dense.
  Tensor dense() const;
  // Throws kInternal for one that is not dense.
  TensorView view() const;
  std::size_t bytes() const {
    return static_cast<std::size_t>(element_count(dims)) * size_of(dtype);
  }
  // Takes the pages of a mapped tensor out of the resident set until they are used again.
  void release_pages() const;
  // Throws kCorruptFile if the file that the bytes lie in has become shorter; see MappedFile.
  void check_file() const;
};

// A dense tensor with its dimensions in another order: dimension i is what was permutation[i].
Tensor permuted_copy(const Tensor& tensor, const std::vector<std::int64_t>& permutation);

// A float32 tensor that owns a copy of `values`; values.size() must be the product of dims.
Tensor make_tensor(Dims dims, const std::vector<float>& values);
Tensor make_tensor(Dims dims, const std::vector<std::int32_t>& values);

}  // namespace lasso

#endif  // LASSO_CORE_TENSOR_H_
