#include "engine/trace_values.h"

#include <cstdint>

namespace lasso::engine {

const float* TraceValues::convert(DType dtype, const Dims& dims, void* const* results) {
  if (dtype == DType::kF32) return static_cast<const float*>(results[0]);
  const auto count = static_cast<std::size_t>(element_count(dims));
  if (dtype == DType::kBF16) {
    const auto* bits = static_cast<const std::uint16_t*>(results[0]);
    values_.resize(count);
    for (std::size_t i = 0; i < count; ++i) values_[i] = bf16_to_f32(bits[i]);
    return values_.data();
  }
  if (dtype != DType::kU8) return nullptr;
  const auto* q = static_cast<const std::uint8_t*>(results[0]);
  const auto* scales = static_cast<const float*>(results[1]);
  const auto channels = static_cast<std::size_t>(dims.back());
  values_.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    values_[i] = scales[i / channels] * static_cast<float>(q[i] - 128);
  }
  return values_.data();
}

}  // namespace lasso::engine
