#include "image/mask/mask_bits.h"

#include <immintrin.h>

#include <cstring>

#include "core/threads.h"

namespace lasso {

namespace {

constexpr std::size_t kWordBits = 32;

// Bit i of the word as byte i.
__m256i expand_word(std::uint32_t word) {
  const __m256i copies = _mm256_set1_epi32(static_cast<int>(word));
  // Eight copies of each byte, of which each keeps one bit.
  const __m256i order = _mm256_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2,
                                         2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);
  const __m256i bit = _mm256_set1_epi64x(static_cast<long long>(0x8040201008040201ULL));
  const __m256i kept = _mm256_and_si256(_mm256_shuffle_epi8(copies, order), bit);
  return _mm256_and_si256(_mm256_cmpeq_epi8(kept, bit), _mm256_set1_epi8(1));
}

void expand_row(const std::uint32_t* bits, std::size_t width, std::uint8_t* out) {
  std::size_t x = 0;
  for (; x + kWordBits <= width; x += kWordBits) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + x), expand_word(*bits++));
  }
  if (x == width) return;
  std::uint8_t last[kWordBits];
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(last), expand_word(*bits));
  std::memcpy(out + x, last, width - x);
}

}  // namespace

void expand_mask_bits(const std::uint32_t* bits, int width, int height, std::uint8_t* out) {
  const auto row = static_cast<std::size_t>(width);
  const std::size_t words = (row + kWordBits - 1) / kWordBits;
  parallel_ranges(height, [&](std::int64_t begin, std::int64_t end) {
    for (auto y = static_cast<std::size_t>(begin); y < static_cast<std::size_t>(end); ++y) {
      expand_row(bits + y * words, row, out + y * row);
    }
  });
}

}  // namespace lasso
