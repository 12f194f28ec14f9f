#include "kernels/cuda/packed_rows.h"

#include <cstring>

#include "core/aligned_buffer.h"
#include "core/bytes.h"
#include "kernels/cpu/constant.h"

namespace lasso::kernels::gpu {

namespace {

constexpr std::size_t kPart = 256;

std::size_t bytes_of(std::int64_t count, DType dtype) {
  return static_cast<std::size_t>(count) * size_of(dtype);
}

void write(DType dtype, const std::vector<float>& from, std::byte* to) {
  if (!is_half(dtype)) {
    copy_bytes(to, from.data(), from.size() * sizeof(float));
    return;
  }
  auto* out = reinterpret_cast<std::uint16_t*>(to);
  for (const float value : from) *out++ = f32_to_half(dtype, value);
}

}  // namespace

PackedRows::PackedRows(DType dtype, std::int64_t n, std::int64_t k, std::int64_t biases)
    : dtype_(dtype),
      n_(n),
      k_(k),
      bias_(align_up(bytes_of(n * k, dtype), kPart)),
      half_bias_(bias_ + align_up(bytes_of(biases, DType::kF32), kPart)),
      bytes_(half_bias_ + (is_half(dtype) ? align_up(bytes_of(biases, dtype), kPart) : 0)) {}

std::string PackedRows::layout(const char* order) const {
  return "cuda:" + std::string(order) + ":" + std::string(to_string(dtype_));
}

void PackedRows::write_row(std::int64_t n, const std::vector<float>& row, std::byte* packed) const {
  write(dtype_, row, packed + bytes_of(n * k_, dtype_));
}

void PackedRows::write_bias(const std::vector<float>& bias, std::byte* packed) const {
  const std::size_t weights = bytes_of(n_ * k_, dtype_);
  std::memset(packed + weights, 0, bytes_ - weights);  // the gaps, too
  write(DType::kF32, bias, packed + bias_);
  if (is_half(dtype_)) write(dtype_, bias, packed + half_bias_);
}

std::vector<float> bias_of(const std::vector<TensorView>& constants, std::int64_t count) {
  std::vector<float> bias(static_cast<std::size_t>(count));
  read_bias(constants, count, bias.data());
  return bias;
}

}  // namespace lasso::kernels::gpu
