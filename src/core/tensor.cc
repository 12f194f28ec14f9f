#include "core/tensor.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "core/aligned_buffer.h"
#include "core/bytes.h"
#include "core/check.h"
#include "core/file.h"

namespace lasso {

std::int64_t element_count(const Dims& dims) {
  std::int64_t count = 1;
  for (const std::int64_t dim : dims) {
    LASSO_CHECK(dim >= 0 && !__builtin_mul_overflow(count, dim, &count),
                ErrorCode::kInvalidArgument,
                "shape {}: a dimension is negative or the product overflows", to_string(dims));
  }
  return count;
}

std::string to_string(const Dims& dims) { return fmt::format("[{}]", fmt::join(dims, ", ")); }

bool Tensor::is_dense() const {
  return !transposed && reinterpret_cast<std::uintptr_t>(data.get()) % size_of(dtype) == 0;
}

TensorView Tensor::view() const {
  LASSO_CHECK(is_dense(), ErrorCode::kInternal, "a tensor {} that is not dense is read as it lies",
              to_string(dims));
  return {dtype, dims, data.get()};
}

namespace {

// From bytes at any address, of a matrix [columns, rows].
template <typename T>
void transpose_into(const std::byte* from, std::int64_t rows, std::int64_t columns, void* to) {
  // Squares of so many elements a side, whose lines stay in the first cache.
  constexpr std::int64_t kSide = 32;
  auto* out = static_cast<T*>(to);
  for (std::int64_t r = 0; r < rows; r += kSide) {
    for (std::int64_t c = 0; c < columns; c += kSide) {
      const std::int64_t last_row = std::min(rows, r + kSide);
      const std::int64_t last_column = std::min(columns, c + kSide);
      for (std::int64_t i = r; i < last_row; ++i) {
        for (std::int64_t j = c; j < last_column; ++j) {
          std::memcpy(out + i * columns + j, from + (j * rows + i) * std::int64_t{sizeof(T)},
                      sizeof(T));
        }
      }
    }
  }
}

}  // namespace

Tensor Tensor::dense() const {
  if (is_dense()) return *this;
  auto buffer = std::make_shared<AlignedBuffer>(bytes());
  const auto* from = static_cast<const std::byte*>(data.get());
  if (!transposed) {
    copy_bytes(buffer->data(), from, bytes());
  } else {
    LASSO_CHECK(dims.size() == 2, ErrorCode::kInternal, "a transposed tensor {}", to_string(dims));
    switch (size_of(dtype)) {
      case 1:
        transpose_into<std::uint8_t>(from, dims[0], dims[1], buffer->data());
        break;
      case 2:
        transpose_into<std::uint16_t>(from, dims[0], dims[1], buffer->data());
        break;
      case 4:
        transpose_into<std::uint32_t>(from, dims[0], dims[1], buffer->data());
        break;
      default:
        transpose_into<std::uint64_t>(from, dims[0], dims[1], buffer->data());
        break;
    }
  }
  return {dtype, dims, std::shared_ptr<const void>(buffer, buffer->data()), nullptr};
}

Tensor permuted_copy(const Tensor& tensor, const std::vector<std::int64_t>& permutation) {
  const TensorView view = tensor.view();
  const std::size_t rank = view.dims.size();
  LASSO_CHECK(permutation.size() == rank, ErrorCode::kInternal, "{} axes of {}", permutation.size(),
              to_string(view.dims));
  std::vector<std::int64_t> strides(rank, 1);  // of `tensor`, in elements
  for (std::size_t i = rank; i > 1; --i) strides[i - 2] = strides[i - 1] * view.dims[i - 1];
  Dims dims;
  for (const std::int64_t axis : permutation) {
    dims.push_back(view.dims.at(static_cast<std::size_t>(axis)));
  }
  auto buffer = std::make_shared<AlignedBuffer>(tensor.bytes());
  const std::size_t size = size_of(view.dtype);
  const auto* from = static_cast<const std::byte*>(view.data);
  Dims at(rank, 0);
  for (std::int64_t i = 0; i < element_count(dims); ++i) {
    std::int64_t place = 0;
    for (std::size_t k = 0; k < rank; ++k) {
      place += at[k] * strides[static_cast<std::size_t>(permutation[k])];
    }
    const auto element = static_cast<std::size_t>(i);
    std::memcpy(buffer->data() + element * size, from + static_cast<std::size_t>(place) * size,
                size);
    for (std::size_t k = rank; k-- > 0 && ++at[k] == dims[k];) at[k] = 0;
  }
  return {view.dtype, std::move(dims), std::shared_ptr<const void>(buffer, buffer->data()),
          nullptr};
}

void Tensor::release_pages() const {
  if (file != nullptr) file->release(static_cast<const std::byte*>(data.get()), bytes());
}

void Tensor::check_file() const {
  if (file != nullptr) file->check_size();
}

namespace {

template <typename T>
Tensor copy_tensor(DType dtype, Dims dims, const std::vector<T>& values) {
  LASSO_CHECK(element_count(dims) == static_cast<std::int64_t>(values.size()), ErrorCode::kInternal,
              "a tensor of shape {} made from {} values", to_string(dims), values.size());
  auto buffer = std::make_shared<AlignedBuffer>(values.size() * sizeof(T));
  copy_bytes(buffer->data(), values.data(), values.size() * sizeof(T));
  return {dtype, std::move(dims), std::shared_ptr<const void>(buffer, buffer->data()), nullptr};
}

}  // namespace

Tensor make_tensor(Dims dims, const std::vector<float>& values) {
  return copy_tensor(DType::kF32, std::move(dims), values);
}

Tensor make_tensor(Dims dims, const std::vector<std::int32_t>& values) {
  return copy_tensor(DType::kI32, std::move(dims), values);
}

}  // namespace lasso
