// Element types of tensors.
#ifndef LASSO_CORE_DTYPE_H_
#define LASSO_CORE_DTYPE_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/enum_names.h"

namespace lasso {

enum class DType : std::uint8_t { kF32, kF16, kBF16, kF64, kI8, kU8, kI16, kI32, kI64, kBool };
const EnumNames<DType>& names_of(EnumTag<DType> tag);

constexpr std::size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::kF64:
    case DType::kI64:
      return 8;
    case DType::kF32:
    case DType::kI32:
      return 4;
    case DType::kF16:
    case DType::kBF16:
    case DType::kI16:
      return 2;
    case DType::kI8:
    case DType::kU8:
    case DType::kBool:
      return 1;
  }
  return 0;
}

// "float32", "bfloat16", ...
std::string_view to_string(DType dtype);

// bfloat16 is the upper half of a float32.
inline float bf16_to_f32(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

// IEEE 754 binary16, subnormals, infinities and NaN included.
float f16_to_f32(std::uint16_t bits);
std::uint16_t f32_to_f16(float value);   // rounds to nearest, ties to even
std::uint16_t f32_to_bf16(float value);  // rounds to nearest, ties to even; NaN stays NaN

// Of the two float types of 16 bits, float16 and bfloat16, and conversions by which of them it is.
constexpr bool is_half(DType dtype) { return dtype == DType::kF16 || dtype == DType::kBF16; }
// The float types that kernels compute with.
constexpr bool is_float(DType dtype) { return dtype == DType::kF32 || is_half(dtype); }
inline float half_to_f32(DType half, std::uint16_t bits) {
  return half == DType::kF16 ? f16_to_f32(bits) : bf16_to_f32(bits);
}
inline std::uint16_t f32_to_half(DType half, float value) {
  return half == DType::kF16 ? f32_to_f16(value) : f32_to_bf16(value);
}
// The value that a number stands for once it is rounded to the type.
inline float rounded_to_half(DType half, float value) {
  return half_to_f32(half, f32_to_half(half, value));
}

}  // namespace lasso

#endif  // LASSO_CORE_DTYPE_H_
