// Tensors of float32, float16, bfloat16 or float64 as float32.
#ifndef LASSO_CORE_CONVERT_H_
#define LASSO_CORE_CONVERT_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "core/bytes.h"
#include "core/check.h"
#include "core/dtype.h"
#include "core/tensor.h"

namespace lasso {

// The types that read_f32() takes.
constexpr bool is_real(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16 ||
         dtype == DType::kF64;
}

// Writes element_count(view.dims) values; the bytes of a view may be unaligned (a mapped file).
inline void read_f32(const TensorView& view, float* out) {
  const std::int64_t count = element_count(view.dims);
  const auto* bytes = static_cast<const std::byte*>(view.data);
  if (view.dtype == DType::kF32) {
    copy_bytes(out, bytes, static_cast<std::size_t>(count) * sizeof(float));
    return;
  }
  if (view.dtype == DType::kF64) {  // rounded to nearest, as PyTorch's load_state_dict() does
    for (std::int64_t i = 0; i < count; ++i) {
      double value = 0;
      std::memcpy(&value, bytes + 8 * i, sizeof(value));
      out[i] = static_cast<float>(value);
    }
    return;
  }
  LASSO_CHECK(view.dtype == DType::kF16 || view.dtype == DType::kBF16, ErrorCode::kUnsupported,
              "weights of type {}: expected float32, float16, bfloat16 or float64",
              to_string(view.dtype));
  const bool half = view.dtype == DType::kF16;
  for (std::int64_t i = 0; i < count; ++i) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, bytes + 2 * i, sizeof(bits));
    out[i] = half ? f16_to_f32(bits) : bf16_to_f32(bits);
  }
}

inline std::vector<float> read_f32(const TensorView& view) {
  std::vector<float> values(static_cast<std::size_t>(element_count(view.dims)));
  read_f32(view, values.data());
  return values;
}

}  // namespace lasso

#endif  // LASSO_CORE_CONVERT_H_
