#include "core/tensor.h"

#include <fmt/ranges.h>

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
