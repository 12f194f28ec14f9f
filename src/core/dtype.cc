#include "core/dtype.h"

#include <immintrin.h>

#include <cmath>

namespace lasso {

const EnumNames<DType>& names_of(EnumTag<DType> /*tag*/) {
  static const EnumNames<DType> names{{DType::kF32, "float32"},   {DType::kF16, "float16"},
                                      {DType::kBF16, "bfloat16"}, {DType::kF64, "float64"},
                                      {DType::kI8, "int8"},       {DType::kU8, "uint8"},
                                      {DType::kI16, "int16"},     {DType::kI32, "int32"},
                                      {DType::kI64, "int64"},     {DType::kBool, "bool"}};
  return names;
}

std::string_view to_string(DType dtype) { return name_of(dtype); }

float f16_to_f32(std::uint16_t bits) { return _cvtsh_ss(bits); }

std::uint16_t f32_to_f16(float value) {
  const __m128i halves = _mm_cvtps_ph(_mm_set_ss(value), _MM_FROUND_TO_NEAREST_INT);
  return static_cast<std::uint16_t>(_mm_extract_epi16(halves, 0));
}

std::uint16_t f32_to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value)) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
  const std::uint32_t round = 0x7fffu + ((bits >> 16) & 1u);
  return static_cast<std::uint16_t>((bits + round) >> 16);
}

}  // namespace lasso
