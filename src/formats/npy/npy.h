// NumPy's .npy format, versions 1 to 3.
#ifndef LASSO_FORMATS_NPY_NPY_H_
#define LASSO_FORMATS_NPY_NPY_H_

#include <cstddef>
#include <memory>
#include <string>

#include "core/tensor.h"

namespace lasso {

// The limit for a file of arrays. It is read into memory, so that it may change or shrink later.
constexpr std::size_t kMostArrayBytes = std::size_t{1} << 36;

// Reads little-endian bool, int8, uint8, int16, int32, int64, float16, float32 and float64 arrays
// in C or Fortran order; the tensor is row-major, and shares the file's bytes in memory where it
// can. Throws kNotFound, kCorruptFile, kOutOfMemory, and kUnsupported for other types (objects are
// never unpickled) and for more than kMostArrayBytes.
Tensor read_npy(const std::string& path);

// The same from bytes that `owner` keeps alive; `name` stands in error messages.
Tensor parse_npy(const std::byte* data, std::size_t size, const std::string& name,
                 const std::shared_ptr<const void>& owner);

// Whether bytes begin as a .npy file does.
bool is_npy(const std::byte* data, std::size_t size);

// NumPy's name of a type, such as "<f4". Throws kInvalidArgument for bfloat16, which it lacks.
std::string npy_type(DType dtype);

// The header that stands before the array's bytes in a .npy file of version 1.
std::string npy_header(DType dtype, const Dims& dims);

// Complete or not at all. Throws kInvalidArgument where the file can't be written and for bfloat16.
void write_npy(const std::string& path, const TensorView& tensor);

}  // namespace lasso

#endif  // LASSO_FORMATS_NPY_NPY_H_
