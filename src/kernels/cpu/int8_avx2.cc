// Without an instruction for bytes: x - zero and the weights as int16, of which pairs are
// multiplied and added up exactly. (The one for uint8 and int8, vpmaddubsw, saturates at 16 bits.)
#include "kernels/cpu/int8_tile.h"

namespace lasso::kernels {

namespace {

void prepare_i16(const std::uint8_t* x, std::int64_t count, int zero, void* prepared) {
  auto* out = static_cast<std::int16_t*>(prepared);
  constexpr std::int64_t kWidth = 16;
  std::int64_t i = 0;
  for (; i + kWidth <= count; i += kWidth) {
    const __m256i wide =
        _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x + i)));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i),
                        _mm256_sub_epi16(wide, _mm256_set1_epi16(static_cast<short>(zero))));
  }
  for (; i < count; ++i) out[i] = static_cast<std::int16_t>(x[i] - zero);
}

// Six rows and two vectors: twelve accumulators of sixteen registers. Each holds two sums, of even
// and of odd pairs, of four columns.
struct Dot {
  using V = Avx2;
  using I = __m256i;
  using X = std::int16_t;
  static constexpr int kRows = 6;
  static constexpr int kVectors = 2;
  static constexpr int kColumns = 4;

  static I zero(const std::int32_t* /*correction*/) { return _mm256_setzero_si256(); }
  static I weights(const std::int8_t* w) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(w)));
  }
  static I broadcast(const std::int16_t* x) {
    std::int64_t four = 0;
    std::memcpy(&four, x, sizeof(four));
    return _mm256_set1_epi64x(four);
  }
  // sum + x w in pairs. As text: GCC 12 gives intrinsics more registers than there are.
  static I dot(I sum, I x, I w) {
    I pairs;
    asm("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0" : "+x"(sum), "=&x"(pairs) : "x"(x), "x"(w));
    return sum;
  }
  static void store(const I (&sums)[kVectors], std::int32_t* out) {
    const I pairs = _mm256_hadd_epi32(sums[0], sums[1]);  // columns 0 1 4 5 2 3 6 7
    _mm256_storeu_si256(reinterpret_cast<I*>(out), _mm256_permute4x64_epi64(pairs, 0b11'01'10'00));
  }
  static constexpr auto kPrepare = prepare_i16;
};

}  // namespace

const Int8Isa kInt8Avx2 = int8_isa<Dot>();

}  // namespace lasso::kernels
