// Run lengths go down the columns, and masks lie in rows. 64 columns at a time are held as bits,
// one word per row, and turned in blocks of 64x64: then a column is a few words, and its runs end
// at their set bits' borders.
#include <immintrin.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <vector>

#include "core/check.h"
#include "core/guard.h"
#include "image/mask/mask_check.h"
#include "lasso/mask.h"

namespace lasso {

namespace {

constexpr std::size_t kSide = 64;

// Transposes a block of bits by swapping ever smaller quadrants.
void transpose(std::uint64_t* block) {
  std::uint64_t mask = 0x00000000ffffffffull;
  for (std::size_t half = 32; half > 0; half >>= 1, mask ^= mask << half) {
    for (std::size_t i = 0; i < kSide; i = ((i | half) + 1) & ~half) {
      const std::uint64_t swapped = ((block[i] >> half) ^ block[i | half]) & mask;
      block[i] ^= swapped << half;
      block[i | half] ^= swapped;
    }
  }
}

// Bit x of the result is set where byte x is not zero.
std::uint64_t pack64(const std::uint8_t* bytes) {
  const auto half = [](const std::uint8_t* p) {
    const __m256i value = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    const __m256i zero = _mm256_cmpeq_epi8(value, _mm256_setzero_si256());
    return ~static_cast<std::uint32_t>(_mm256_movemask_epi8(zero));
  };
  return half(bytes) | static_cast<std::uint64_t>(half(bytes + 32)) << 32;
}

void unpack(std::uint64_t bits, std::size_t count, std::uint8_t* bytes) {
  for (std::size_t x = 0; x < count; x += 8, bits >>= 8) {
    const std::uint64_t eight = _pdep_u64(bits, 0x0101010101010101ull);
    std::memcpy(bytes + x, &eight, std::min<std::size_t>(8, count - x));
  }
}

// Collects the runs of a sequence of bits that is given in pieces.
class RunCounter {
 public:
  explicit RunCounter(std::vector<std::uint32_t>& counts) : counts_(counts) {}

  // The next `size` bits, lowest first; those above are zero.
  void add(std::uint64_t bits, std::size_t size) {
    // Set where a bit differs from the one before it.
    std::uint64_t changes = bits ^ (bits << 1 | value_);
    if (size < kSide) changes &= (std::uint64_t{1} << size) - 1;
    for (; changes != 0; changes &= changes - 1) {
      const auto at = position_ + static_cast<std::uint64_t>(std::countr_zero(changes));
      counts_.push_back(static_cast<std::uint32_t>(at - begin_));
      begin_ = at;
    }
    position_ += size;
    value_ = bits >> (size - 1) & 1;
  }
  void finish() { counts_.push_back(static_cast<std::uint32_t>(position_ - begin_)); }

 private:
  std::vector<std::uint32_t>& counts_;
  std::uint64_t value_ = 0;
  std::uint64_t position_ = 0;
  std::uint64_t begin_ = 0;
};

// Sets bits [begin, end) of a column.
void set_bits(std::uint64_t* column, std::size_t begin, std::size_t end) {
  while (begin < end) {
    const std::size_t bit = begin % kSide;
    const std::size_t count = std::min(kSide - bit, end - begin);
    const std::uint64_t ones = count == kSide ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
    column[begin / kSide] |= ones << bit;
    begin += count;
  }
}

std::uint64_t pixels_of(int width, int height) {
  LASSO_CHECK(width >= 0 && height >= 0, ErrorCode::kInvalidArgument, "a mask of {}x{}", width,
              height);
  return static_cast<std::uint64_t>(width) * static_cast<std::uint64_t>(height);
}

void check_total(const Rle& rle) {
  const std::uint64_t pixels = pixels_of(rle.width, rle.height);
  std::uint64_t total = 0;
  for (const std::uint32_t count : rle.counts) total += count;
  LASSO_CHECK(total == pixels, ErrorCode::kInvalidArgument,
              "run lengths add up to {}, and a mask of {}x{} has {} pixels", total, rle.width,
              rle.height, pixels);
}

// COCO writes counts from the fourth on as the difference from the last one of the same value.
std::int64_t predicted(const std::vector<std::uint32_t>& counts, std::size_t i) {
  return i > 2 ? counts[i - 2] : 0;
}

Rle encode(const Mask& mask) {
  Rle rle{mask.width, mask.height, {}};
  const auto width = static_cast<std::size_t>(mask.width);
  const auto height = static_cast<std::size_t>(mask.height);
  if (width == 0 || height == 0) return rle;
  const std::size_t blocks = (height + kSide - 1) / kSide;
  std::vector<std::uint64_t> bits(blocks * kSide);
  RunCounter runs(rle.counts);
  for (std::size_t x0 = 0; x0 < width; x0 += kSide) {
    const std::size_t columns = std::min(kSide, width - x0);
    const std::uint8_t* row = mask.data.data() + x0;
    for (std::size_t y = 0; y < height; ++y, row += width) {
      if (columns == kSide) {
        bits[y] = pack64(row);
      } else {
        std::uint8_t padded[kSide] = {};
        std::memcpy(padded, row, columns);
        bits[y] = pack64(padded);
      }
    }
    for (std::size_t b = 0; b < blocks; ++b) transpose(bits.data() + b * kSide);
    for (std::size_t x = 0; x < columns; ++x) {
      for (std::size_t b = 0; b < blocks; ++b) {
        runs.add(bits[b * kSide + x], std::min(kSide, height - b * kSide));
      }
    }
  }
  runs.finish();
  return rle;
}

Mask decode(const Rle& rle) {
  const auto width = static_cast<std::size_t>(rle.width);
  const auto height = static_cast<std::size_t>(rle.height);
  Mask mask{rle.width, rle.height, std::vector<std::uint8_t>(width * height)};
  if (mask.data.empty()) return mask;
  const std::size_t blocks = (height + kSide - 1) / kSide;
  std::vector<std::uint64_t> columns(kSide * blocks);
  std::size_t run = 0;
  std::size_t left = rle.counts[0];  // of the run that the column begins in
  for (std::size_t x0 = 0; x0 < width; x0 += kSide) {
    const std::size_t count = std::min(kSide, width - x0);
    std::fill(columns.begin(), columns.end(), 0);
    for (std::size_t x = 0; x < count; ++x) {
      for (std::size_t y = 0; y < height;) {
        while (left == 0) left = rle.counts[++run];
        const std::size_t length = std::min(left, height - y);
        if (run % 2 == 1) set_bits(columns.data() + x * blocks, y, y + length);
        y += length;
        left -= length;
      }
    }
    for (std::size_t b = 0; b < blocks; ++b) {
      std::uint64_t block[kSide];
      for (std::size_t x = 0; x < kSide; ++x) block[x] = columns[x * blocks + b];
      transpose(block);
      const std::size_t rows = std::min(kSide, height - b * kSide);
      for (std::size_t y = 0; y < rows; ++y) {
        unpack(block[y], count, mask.data.data() + (b * kSide + y) * width + x0);
      }
    }
  }
  return mask;
}

}  // namespace

Rle encode_rle(const Mask& mask) {
  check_mask(mask);
  LASSO_CHECK(
      mask.data.size() <= std::numeric_limits<std::uint32_t>::max(), ErrorCode::kInvalidArgument,
      "a mask of {}x{} pixels has too many for 32-bit run lengths", mask.width, mask.height);
  return guard_memory("a mask", [&] { return encode(mask); });
}

Mask decode_rle(const Rle& rle) {
  check_total(rle);
  return guard_memory("a mask", [&] { return decode(rle); });
}

std::string rle_to_string(const Rle& rle) {
  std::string text;
  for (std::size_t i = 0; i < rle.counts.size(); ++i) {
    // Groups of 5 bits, lowest first, in two's complement; a sixth bit says that more follow.
    std::int64_t value = std::int64_t{rle.counts[i]} - predicted(rle.counts, i);
    for (bool more = true; more;) {
      const auto group = static_cast<int>(value & 0x1f);
      value >>= 5;
      more = (group & 0x10) != 0 ? value != -1 : value != 0;
      text.push_back(static_cast<char>('0' + group + (more ? 0x20 : 0)));
    }
  }
  return text;
}

Rle rle_from_string(const std::string& text, int width, int height) {
  const std::uint64_t pixels = pixels_of(width, height);
  Rle rle{width, height, {}};
  std::uint64_t total = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    std::int64_t value = 0;
    for (bool more = true; more; ++at) {
      // A difference of two 32-bit counts takes 33 bits: 7 groups.
      const std::size_t groups = at - begin;
      const int group = at < text.size() ? text[at] - '0' : -1;
      LASSO_CHECK(group >= 0 && group < 0x40 && groups < 7, ErrorCode::kInvalidArgument,
                  "compressed run lengths: at character {} of {}: not a number of COCO's", at,
                  text.size());
      value |= std::int64_t{group & 0x1f} << (5 * groups);
      more = (group & 0x20) != 0;
      if (!more && (group & 0x10) != 0) value -= std::int64_t{1} << (5 * (groups + 1));
    }
    value += predicted(rle.counts, rle.counts.size());
    LASSO_CHECK(value >= 0 && static_cast<std::uint64_t>(value) <= pixels - total &&
                    value <= std::numeric_limits<std::uint32_t>::max(),
                ErrorCode::kInvalidArgument,
                "compressed run lengths: run {} has {} pixels, and a mask of {}x{} has {} left",
                rle.counts.size(), value, width, height, pixels - total);
    total += static_cast<std::uint64_t>(value);
    rle.counts.push_back(static_cast<std::uint32_t>(value));
  }
  check_total(rle);
  LASSO_CHECK(rle_to_string(rle) == text, ErrorCode::kInvalidArgument,
              "compressed run lengths: a number is longer than it needs to be");
  return rle;
}

}  // namespace lasso
