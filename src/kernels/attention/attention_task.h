// What a task of the streaming kernel is, and where it works: plain data, so that the files of the
// instruction sets share no code with the rest of the program.
#ifndef LASSO_KERNELS_ATTENTION_ATTENTION_TASK_H_
#define LASSO_KERNELS_ATTENTION_ATTENTION_TASK_H_

#include <cstddef>
#include <cstdint>

namespace lasso::kernels::streaming {

using Index = std::ptrdiff_t;

constexpr Index kMaxQueryTile = 240;
constexpr Index kKeyTile = 64;
constexpr Index kBf16KeyTile = 128;
constexpr Index kRowStep = 8;      // rows of K and widths of V are filled up to a multiple of this
constexpr Index kMaxWidth = 128;   // of a head
constexpr Index kMaxPanel = 48;    // queries: 3 vectors of 16
constexpr Index kLine = 16;        // floats of a cache line
constexpr float kMasked = -1e30F;  // the score of a row that fills up a tile
constexpr float kLog2e = 1.44269504F;
constexpr float kMaxSum = 0x1p64F;  // of a tile's exponentials

constexpr Index round_up(Index n, Index step) { return (n + step - 1) / step * step; }

// One head of one window, or of one batch item (a window of one row). q, k, v and the result are
// float32 or bfloat16, everything else float32; strides are in elements.
struct Task {
  const void* q = nullptr;  // of the window's first token
  const void* k = nullptr;
  const void* v = nullptr;
  void* out = nullptr;
  Index q_token = 0;  // from a token to the next
  Index kv_token = 0;
  Index out_token = 0;
  Index grid_width = 0;  // tokens from one row of the window to the next
  Index query_cols = 0;  // queries are numbered row by row
  Index query_begin = 0;
  Index query_end = 0;
  Index key_rows = 0;  // of the window, filled-up tokens included
  Index key_cols = 0;
  Index inside_rows = 0;  // the part of the window that lies in the grid
  Index inside_cols = 0;
  const float* pad_k = nullptr;  // of tokens outside; null: zeros
  const float* pad_v = nullptr;
  const float* rel_h = nullptr;  // [2 key_rows - 1, d], null without position terms
  const float* rel_w = nullptr;  // [2 key_cols - 1, d]
  Index head_dim = 0;
  float scale = 1.0F;
  const float* packed = nullptr;  // all tiles of keys, where an earlier task packed them
  const Task* next = nullptr;     // what the thread runs next, null where that is not known
};

// Keys of a tile, but for the last: as few tiles as `most` allows, of even sizes.
constexpr Index key_step(Index keys, Index most = kKeyTile) {
  const Index tiles = (keys + most - 1) / most;
  return round_up((keys + tiles - 1) / tiles, kRowStep);
}

// Offsets in floats into a thread's scratch, each a multiple of 16.
struct Scratch {
  Index query_tile = 0;
  Index rel_rows_h = 0;  // rows of relh: the sides' positions and one of kMasked
  Index rel_rows_w = 0;
  Index q = 0;         // Q^T, panel by panel [d][queries]
  Index out = 0;       // O^T, likewise [d rounded up][queries]
  Index rel_h = 0;     // likewise [rel_rows_h][queries]
  Index rel_w = 0;     // likewise [rel_rows_w][queries]
  Index max = 0;       // [queries]
  Index sum = 0;       // [queries]
  Index total = 0;     // of a panel and a tile: its sum or maximum
  Index products = 0;  // R_table Q^T of a panel
  Index p = 0;         // P^T of a panel and a tile
  Index k = 0;         // a tile of K, packed
  Index v = 0;
  Index tables = 0;  // position tables in bfloat16, where the kernel multiplies in it
  Index floats = 0;
};

// Words of 32 bits of a packed key and its value: d + width in float32; pairs of bfloat16 numbers,
// along d for keys and from key to key for values.
constexpr Index packed_words(Index head_dim, bool bf16) {
  const Index width = round_up(head_dim, kRowStep);
  return bf16 ? (head_dim + 1) / 2 + width / 2 : head_dim + width;
}

// What the files of the instruction sets export. `memory` has scratch.floats floats, 64-byte
// aligned.
// pack writes the tile `tile` of all keys, packed_words() times its keys rounded up.
struct Entry {
  void (*run)(const Task& task, const Scratch& scratch, float* memory);
  void (*pack)(const Task& task, const Scratch& scratch, Index tile, float* to);
};
extern const Entry kAvx2;
extern const Entry kAvx512;
extern const Entry kAvx512Bf16;  // q, k, v and the result are bfloat16
// The same types, multiplied as float32 numbers.
extern const Entry kAvx2Widened;
extern const Entry kAvx512Widened;

}  // namespace lasso::kernels::streaming

#endif  // LASSO_KERNELS_ATTENTION_ATTENTION_TASK_H_
