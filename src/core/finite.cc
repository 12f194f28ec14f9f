#include "core/finite.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace lasso {

namespace {

// Without its sign, a value of an IEEE format is an integer that grows with its magnitude; from
// `limit` on there are infinity and what is no number.
template <typename Bits>
std::size_t count_from(const std::byte* values, std::size_t count, Bits limit) {
  constexpr Bits kMagnitude = static_cast<Bits>(static_cast<Bits>(~Bits{0}) >> 1);
  constexpr std::size_t kBlock = 4096;
  const auto is_beyond = [&](std::size_t i) {
    Bits bits = 0;
    std::memcpy(&bits, values + i * sizeof(Bits), sizeof(Bits));
    return static_cast<Bits>(bits & kMagnitude) >= limit;
  };
  std::size_t found = 0;
  for (std::size_t begin = 0; begin < count; begin += kBlock) {
    const std::size_t end = std::min(count, begin + kBlock);
    // In nearly every block there is none, which vectors of the values' width tell.
    Bits any = 0;
    for (std::size_t i = begin; i < end; ++i) any |= static_cast<Bits>(is_beyond(i));
    if (any == 0) continue;
    for (std::size_t i = begin; i < end; ++i) found += is_beyond(i) ? 1 : 0;
  }
  return found;
}

}  // namespace

std::size_t count_not_finite(DType dtype, const void* values, std::size_t count) {
  const auto* bytes = static_cast<const std::byte*>(values);
  switch (dtype) {
    case DType::kF32:
      return count_from<std::uint32_t>(bytes, count, 0x7f800000);
    case DType::kF16:
      return count_from<std::uint16_t>(bytes, count, 0x7c00);
    case DType::kBF16:
      return count_from<std::uint16_t>(bytes, count, 0x7f80);
    case DType::kF64:
      // The middle between the largest float32 and the next power of two, which rounds up.
      return count_from<std::uint64_t>(bytes, count, 0x47effffff0000000);
    case DType::kI8:
    case DType::kU8:
    case DType::kI16:
    case DType::kI32:
    case DType::kI64:
    case DType::kBool:
      return 0;
  }
  return 0;
}

std::size_t count_not_finite(const float* values, std::size_t count) {
  return count_not_finite(DType::kF32, values, count);
}

}  // namespace lasso
