#include "kernels/cpu/int8_tile.h"

namespace lasso::kernels {

namespace {

// Six rows and two vectors: twelve accumulators of sixteen registers.
struct Dot {
  using V = Avx2;
  using I = __m256i;
  using X = std::uint8_t;
  static constexpr int kRows = 6;
  static constexpr int kVectors = 2;
  static constexpr int kColumns = 8;

  static I zero(const std::int32_t* correction) {
    return _mm256_loadu_si256(reinterpret_cast<const I*>(correction));
  }
  static I weights(const std::int8_t* w) {
    return _mm256_loadu_si256(reinterpret_cast<const I*>(w));
  }
  static I broadcast(const std::uint8_t* x) {
    std::int32_t four = 0;
    std::memcpy(&four, x, sizeof(four));
    return _mm256_set1_epi32(four);
  }
  static I dot(I sum, I x, I w) { return _mm256_dpbusd_avx_epi32(sum, x, w); }
  static void store(const I (&sums)[kVectors], std::int32_t* out) {
    for (int v = 0; v < kVectors; ++v) {
      _mm256_storeu_si256(reinterpret_cast<I*>(out + v * kColumns), sums[v]);
    }
  }
  static constexpr auto kPrepare = prepare_u8;
};

}  // namespace

const Int8Isa kInt8AvxVnni = int8_isa<Dot>();

}  // namespace lasso::kernels
