#include "kernels/cpu/int8_tile.h"

namespace lasso::kernels {

namespace {

// Twelve rows and two vectors: 24 accumulators of 32 registers.
struct Dot {
  using V = Avx512;
  using I = __m512i;
  using X = std::uint8_t;
  static constexpr int kRows = 12;
  static constexpr int kVectors = 2;
  static constexpr int kColumns = 16;

  static I zero(const std::int32_t* correction) { return _mm512_loadu_si512(correction); }
  static I weights(const std::int8_t* w) { return _mm512_loadu_si512(w); }
  static I broadcast(const std::uint8_t* x) {
    std::int32_t four = 0;
    std::memcpy(&four, x, sizeof(four));
    return _mm512_set1_epi32(four);
  }
  static I dot(I sum, I x, I w) { return _mm512_dpbusd_epi32(sum, x, w); }
  static void store(const I (&sums)[kVectors], std::int32_t* out) {
    for (int v = 0; v < kVectors; ++v) _mm512_storeu_si512(out + v * kColumns, sums[v]);
  }
  static constexpr auto kPrepare = prepare_u8;
};

}  // namespace

const Int8Isa kInt8Avx512Vnni = int8_isa<Dot>();

}  // namespace lasso::kernels
