#include "image/deflate.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace lasso {

namespace {

constexpr int kSymbols = 286;  // literals, the end of the block, lengths
constexpr int kEnd = 256;
constexpr int kMostBits = 14;  // one less than allowed: four codes fit a word with 7 bits pending
constexpr std::size_t kShortestRun = 8;
constexpr std::size_t kLongestRun = 258;

std::uint64_t load64(const std::uint8_t* p) {
  std::uint64_t value;
  std::memcpy(&value, p, sizeof(value));
  return value;
}

// A run length as DEFLATE writes it: a symbol, then some low bits.
struct LengthCode {
  std::uint16_t symbol;
  std::uint8_t extra_bits;
  std::uint8_t extra;
};

std::array<LengthCode, kLongestRun + 1> make_length_codes() {
  std::array<LengthCode, kLongestRun + 1> codes{};
  std::size_t length = 3;
  for (int symbol = 257; symbol < 285; ++symbol) {
    // Symbols 257 to 264 stand for one length each; then every four symbols have one bit more.
    const int bits = symbol < 265 ? 0 : (symbol - 261) / 4;
    for (int extra = 0; extra < 1 << bits; ++extra, ++length) {
      codes[length] = {static_cast<std::uint16_t>(symbol), static_cast<std::uint8_t>(bits),
                       static_cast<std::uint8_t>(extra)};
    }
  }
  codes[kLongestRun] = {285, 0, 0};
  return codes;
}

const std::array<LengthCode, kLongestRun + 1>& length_codes() {
  static const auto codes = make_length_codes();
  return codes;
}

// Splits the data into literals, given as (first, count) with count up to 8, and runs that repeat
// the byte before them.
template <typename Literals, typename Run>
void tokens(const std::uint8_t* data, std::size_t size, Literals&& literals, Run&& run) {
  if (size == 0) return;
  literals(data, 1);
  std::size_t i = 1;
  while (i + kShortestRun <= size) {
    const std::uint64_t changes = load64(data + i) ^ load64(data + i - 1);
    if (changes != 0) {
      // No run that is long enough begins before the last byte that differs from the one before it.
      const int last = 7 - std::countl_zero(changes) / 8;
      literals(data + i, last + 1);
      i += static_cast<std::size_t>(last) + 1;
      continue;
    }
    const std::size_t most = std::min(kLongestRun, size - i);
    std::size_t length = kShortestRun;
    while (length + 8 <= most && load64(data + i + length) == load64(data + i + length - 1)) {
      length += 8;
    }
    while (length < most && data[i + length] == data[i - 1]) ++length;
    run(length);
    i += length;
  }
  for (; i < size; ++i) literals(data + i, 1);
}

using Counts = std::array<std::uint32_t, kSymbols>;
using Lengths = std::array<std::uint8_t, kSymbols>;

// Depths of the leaves of Huffman's tree, for the symbols that occur. False if one is deeper than
// kMostBits.
bool huffman_lengths(const Counts& counts, Lengths& lengths) {
  struct Node {
    std::uint32_t count;
    int parent;
  };
  std::array<int, kSymbols> order{};
  int leaves = 0;
  for (int s = 0; s < kSymbols; ++s) {
    if (counts[static_cast<std::size_t>(s)] > 0) order[static_cast<std::size_t>(leaves++)] = s;
  }
  std::sort(order.begin(), order.begin() + leaves, [&](int a, int b) {
    const std::uint32_t ca = counts[static_cast<std::size_t>(a)];
    const std::uint32_t cb = counts[static_cast<std::size_t>(b)];
    return ca != cb ? ca < cb : a < b;
  });
  // Leaves in ascending order, then inner nodes, which are made in ascending order too.
  std::array<Node, 2 * kSymbols> nodes{};
  const auto node = [&](int i) -> Node& { return nodes[static_cast<std::size_t>(i)]; };
  for (int i = 0; i < leaves; ++i) {
    node(i).count = counts[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])];
  }
  int next_leaf = 0;
  int next_inner = leaves;
  const int total = 2 * leaves - 1;
  for (int made = leaves; made < total; ++made) {
    for (int child = 0; child < 2; ++child) {
      const bool leaf = next_leaf < leaves &&
                        (next_inner == made || node(next_leaf).count <= node(next_inner).count);
      const int taken = leaf ? next_leaf++ : next_inner++;
      node(taken).parent = made;
      node(made).count += node(taken).count;
    }
  }
  lengths.fill(0);
  std::array<std::uint8_t, 2 * kSymbols> depth{};
  for (int i = total - 2; i >= 0; --i) {
    const int d = depth[static_cast<std::size_t>(node(i).parent)] + 1;
    depth[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(std::min(d, 255));
    if (i >= leaves) continue;
    if (d > kMostBits) return false;
    lengths[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])] =
        static_cast<std::uint8_t>(d);
  }
  return true;
}

struct Code {
  std::uint16_t bits;
  std::uint8_t length;
};

std::uint32_t reverse(std::uint32_t bits, int length) {
  std::uint32_t result = 0;
  for (int i = 0; i < length; ++i) result |= (bits >> i & 1u) << (length - 1 - i);
  return result;
}

// Canonical codes, with their first bit lowest.
std::array<Code, kSymbols> canonical_codes(const Lengths& lengths) {
  std::array<std::uint32_t, kMostBits + 2> next{};
  for (const std::uint8_t length : lengths) {
    if (length > 0) ++next[std::size_t{length} + 1];
  }
  std::uint32_t code = 0;
  for (std::size_t length = 1; length <= kMostBits; ++length) {
    code = (code + next[length]) << 1;
    next[length] = code;
  }
  std::array<Code, kSymbols> codes{};
  for (std::size_t s = 0; s < kSymbols; ++s) {
    const int length = lengths[s];
    if (length == 0) continue;
    codes[s] = {
        static_cast<std::uint16_t>(reverse(next[static_cast<std::size_t>(length)]++, length)),
        static_cast<std::uint8_t>(length)};
  }
  return codes;
}

// Writes to memory that has room: a literal takes at most 14 bits, a run 20 and stands for 8 bytes.
class BitWriter {
 public:
  explicit BitWriter(char* out) : out_(out) {}

  void put(std::uint64_t bits, int count) {
    pending_ |= bits << filled_;
    filled_ += count;
  }
  // Leaves at most 7 bits pending, so that 57 more fit.
  void flush() {
    std::memcpy(out_, &pending_, 8);
    const int bytes = filled_ >> 3;
    out_ += bytes;
    pending_ >>= 8 * bytes;
    filled_ &= 7;
  }
  void align() {
    filled_ = (filled_ + 7) & ~7;
    flush();
  }
  char* end() const { return out_; }

 private:
  char* out_;
  std::uint64_t pending_ = 0;
  int filled_ = 0;
};

Counts count_symbols(const std::uint8_t* data, std::size_t size) {
  // Equal bytes follow each other often; four tables keep their increments apart.
  std::array<Counts, 4> counts{};
  tokens(
      data, size,
      [&](const std::uint8_t* bytes, int count) {
        if (count == 8) {
          for (std::size_t i = 0; i < 8; ++i) ++counts[i % 4][bytes[i]];
        } else {
          for (int i = 0; i < count; ++i) ++counts[0][bytes[i]];
        }
      },
      [&](std::size_t length) { ++counts[0][length_codes()[length].symbol]; });
  for (std::size_t s = 0; s < kSymbols; ++s) {
    counts[0][s] += counts[1][s] + counts[2][s] + counts[3][s];
  }
  counts[0][kEnd] = 1;
  return counts[0];
}

// The block's header: the lengths of the codes. Those are written with 4 bits each: a code for the
// 16 of them that is complete and needs no run symbols.
void put_header(const Lengths& lengths, bool final, BitWriter& out) {
  constexpr int kLengthSymbols = 19;
  out.put(final ? 1 : 0, 1);
  out.put(2, 2);               // codes of its own
  out.put(kSymbols - 257, 5);  // literal and length codes
  out.put(0, 5);               // one distance code: 1 back
  out.put(kLengthSymbols - 4, 4);
  for (int i = 0; i < kLengthSymbols; ++i) {
    out.put(i < 3 ? 0 : 4, 3);  // the first three are the run symbols
    out.flush();
  }
  for (const std::uint8_t length : lengths) {
    out.put(reverse(length, 4), 4);
    out.flush();
  }
  out.put(reverse(1, 4), 4);  // the distance code has one bit
  out.flush();
}

}  // namespace

void deflate_part(const std::uint8_t* data, std::size_t size, bool final, std::string& out) {
  Counts counts = count_symbols(data, size);
  if (size == 0) counts[0] = 1;  // a code needs two symbols to be complete
  Lengths lengths{};
  // Halving flattens the distribution until the tree is shallow enough.
  while (!huffman_lengths(counts, lengths)) {
    for (std::uint32_t& count : counts) count = (count + 1) / 2;
  }
  const std::array<Code, kSymbols> codes = canonical_codes(lengths);

  const std::size_t before = out.size();
  out.resize(before + 2 * size + 512);
  BitWriter bits(out.data() + before);
  put_header(lengths, final, bits);
  tokens(
      data, size,
      [&](const std::uint8_t* bytes, int count) {
        const auto put = [&](int i) { bits.put(codes[bytes[i]].bits, codes[bytes[i]].length); };
        if (count == 8) {
          for (int i = 0; i < 4; ++i) put(i);
          bits.flush();
          for (int i = 4; i < 8; ++i) put(i);
          bits.flush();
          return;
        }
        for (int i = 0; i < count; ++i) {
          put(i);
          if (i % 4 == 3) bits.flush();
        }
        bits.flush();
      },
      [&](std::size_t length) {
        const LengthCode& run = length_codes()[length];
        bits.put(codes[run.symbol].bits, codes[run.symbol].length);
        bits.put(run.extra, run.extra_bits);
        bits.put(0, 1);  // the distance
        bits.flush();
      });
  bits.put(codes[kEnd].bits, codes[kEnd].length);
  bits.flush();
  if (!final) {
    bits.put(0, 3);  // an empty stored block ends on a byte
    bits.align();
    bits.put(0xffff0000u, 32);
  }
  bits.align();
  out.resize(static_cast<std::size_t>(bits.end() - out.data()));
}

}  // namespace lasso
