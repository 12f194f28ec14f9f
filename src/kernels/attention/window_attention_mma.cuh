// Window attention on tensor cores, in bfloat16 or float16 with float32 sums and statistics.
//
// For the sizes of SAM (H200: 560 TFLOP/s by mma.sync, 4.3 TB/s): global attention of a head,
// M = N = 4096, d = 64: 4 M N d = 4.3 GFLOP, 7.7 us of the whole GPU, against 2 MB read and
// written, 0.5 us; 16.8 M exponentials at 16 a clock and multiprocessor, 4.4 us. A window of 196
// tokens: 9.8 MFLOP, 0.018 us, against 100 kB, 0.023 us.
//
// A block computes some queries of one head of one window; each warp 16 or 32 of them, against all
// keys, tile by tile. Keys are laid out by rows of the window, each row filled up to 16 or 64
// columns. So the position term of x belongs to the column of the tile: it stays in registers for
// all tiles, divided by the scale, as the sums' first value, -1e30 in the columns that fill up; and
// that of y is one number for a query and a row of keys, in shared memory. Then with
// c = scale log2 e the weights are 2^(c s + relh log2 e - m).
//
// m need not be the maximum of the scores: any number that is at most 8 below keeps 2^... <= 256.
// So sums are rescaled only when a tile's maximum exceeds m by more than 8.
#ifndef LASSO_KERNELS_ATTENTION_WINDOW_ATTENTION_MMA_CUH_
#define LASSO_KERNELS_ATTENTION_WINDOW_ATTENTION_MMA_CUH_

#include <type_traits>

#include "kernels/attention/attention_cuda_rows.h"
#include "kernels/attention/window_block.cuh"
#include "kernels/attention/window_positions.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/mma.cuh"

namespace lasso::kernels::gpu {

namespace {

// Of a block: the head's width filled up to D, the columns of a row of keys, tiles of 16 queries
// for each warp, warps, keys in a tile, tiles in the ring, blocks that share a multiprocessor.
template <int D, int Columns, int Tiles, int Warps, int Keys, int Stages, int Blocks>
struct Tiling {
  static constexpr int kD = D;
  static constexpr int kColumns = Columns;
  static constexpr int kTiles = Tiles;
  static constexpr int kKeys = Keys;
  static constexpr int kStages = Stages;
  static constexpr int kBlocks = Blocks;
  static constexpr int kThreads = 32 * Warps;
  static constexpr int kQueries = 16 * Tiles * Warps;
  static constexpr int kRows = Keys / Columns;  // of the window, in a tile
  // Eight rows of a matrix, 16 bytes each, lie in different banks.
  static constexpr int kStride = D + 8;
  static constexpr int kStageElements = 2 * Keys * kStride;
  // Position terms [row or column of keys][query]; rows two apart lie 8 banks apart.
  static constexpr int kRelStride = kQueries + 4;
  static constexpr std::size_t kRingBytes = std::size_t{2} * kStages * kStageElements;
  static constexpr std::size_t kSharedBytes = kRingBytes + sizeof(float) * kColumns * kRelStride;
  // Position tables, of at most 2 Columns - 1 rows, pass through the last stage of the ring while
  // the others fill.
  static_assert(Keys % Columns == 0 && Stages >= 2);
};

constexpr float kMaxRise = 8.0F;

// One head of one window.
template <typename T, typename S>
struct HeadOfWindow {
  const T* qkv;      // of the image, at the head's queries
  const float* pad;  // at the head's queries, or null
  int top, left, height, width, side_h, side_w, head_dim, channels;

  // Starts copying a tile's keys and values into a stage: two matrices [keys][kStride]. A thread
  // copies 16 bytes of a row, the same columns of several rows.
  __device__ __forceinline__ void load(int tile, T* stage) const {
    constexpr int kChunks = S::kD / 8;
    constexpr int kRowsAtOnce = S::kThreads / kChunks;
    const int row_of_thread = static_cast<int>(threadIdx.x) / kChunks;
    if (row_of_thread >= kRowsAtOnce) return;
    const int column = static_cast<int>(threadIdx.x) % kChunks * 8;
    const bool has_fill = pad != nullptr && (top + side_h > height || left + side_w > width);
#pragma unroll
    for (int first = 0; first < S::kKeys; first += kRowsAtOnce) {
      const int row = first + row_of_thread;
      if (first + kRowsAtOnce > S::kKeys && row >= S::kKeys) break;
      const int ky = S::kRows == 1 ? tile : tile * S::kRows + row / S::kColumns;
      const int kx = S::kRows == 1 ? row : row % S::kColumns;
      const bool is_key = ky < side_h && kx < side_w && column < head_dim;
      const bool inside = is_key && top + ky < height && left + kx < width;
      if (has_fill && is_key && !inside) continue;
      const T* from = qkv;
      if (inside) {
        from += static_cast<Index>((top + ky) * width + left + kx) * (3 * channels) + column;
      }
      T* const k = stage + row * S::kStride + column;
      copy_16_bytes(k, from + channels, inside);
      copy_16_bytes(k + S::kKeys * S::kStride, from + 2 * channels, inside);
    }
    if (has_fill) fill(tile, row_of_thread, column, stage);
  }

  // The keys and values of tokens outside the grid.
  __device__ __forceinline__ void fill(int tile, int row_of_thread, int column, T* stage) const {
    if (column >= head_dim) return;
#pragma unroll 1
    for (int row = row_of_thread; row < S::kKeys; row += S::kThreads / (S::kD / 8)) {
      const int ky = tile * S::kRows + row / S::kColumns;
      const int kx = row % S::kColumns;
      if (ky >= side_h || kx >= side_w || (top + ky < height && left + kx < width)) continue;
      T* const k = stage + row * S::kStride + column;
      store_rounded(k, pad + channels + column);
      store_rounded(k + S::kKeys * S::kStride, pad + 2 * channels + column);
    }
  }
};

// A warp's queries and what has been summed for them: fragments of multiply_add().
template <typename T, typename S>
struct AttentionOfWarp : QueriesOfWarp<T, S> {
  using QueriesOfWarp<T, S>::kSteps;
  using QueriesOfWarp<T, S>::q;
  static constexpr int kGroups = S::kColumns >= 32 ? 1 : 32 / S::kColumns;  // rows in 32 keys

  float rel_w[S::kTiles][S::kColumns / 8][4];
  float out[S::kTiles][S::kD / 8][4];
  float m[S::kTiles][2];    // of rows lane / 4 and lane / 4 + 8
  float sum[S::kTiles][2];  // of this thread's columns

  // m rises to what `largest` demands, and sums follow.
  __device__ __forceinline__ void rescale(const float (&largest)[S::kTiles][2]) {
#pragma unroll
    for (int i = 0; i < S::kTiles; ++i) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        float top = fmaxf(largest[i][half], m[i][half]);
        top = fmaxf(top, __shfl_xor_sync(0xFFFFFFFFU, top, 1));
        top = fmaxf(top, __shfl_xor_sync(0xFFFFFFFFU, top, 2));
        const float down = fast_exp2(m[i][half] - top);
        m[i][half] = top;
        sum[i][half] *= down;
#pragma unroll
        for (int n = 0; n < S::kD / 8; ++n) {
          out[i][n][2 * half] *= down;
          out[i][n][2 * half + 1] *= down;
        }
      }
    }
  }

  // Keys 32 Part to 32 Part + 31 of a tile; `keys` and `values` are this lane's addresses in the
  // tile, rel_h its first row of keys at row lane / 4 of the warp's queries.
  template <int Part>
  __device__ __forceinline__ void attend(std::uint32_t keys, std::uint32_t values,
                                         const float* rel_h, float factor) {
    constexpr int kFirstColumn = 32 * Part % S::kColumns / 8;
    float s[S::kTiles][4][4];
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
#pragma unroll
      for (int pair = 0; pair < 2; ++pair) {
        std::uint32_t b[4];
        load_matrices(b, keys + (32 * Part + 16 * pair) * S::kStride * 2 + step * 32);
#pragma unroll
        for (int i = 0; i < S::kTiles; ++i) {
#pragma unroll
          for (int n = 0; n < 2; ++n) {
            float(&to)[4] = s[i][2 * pair + n];
            const int column = (kFirstColumn + 2 * pair + n) % (S::kColumns / 8);
            if (step == 0) {
              multiply_add<T>(to, q[i][step], b[2 * n], b[2 * n + 1], rel_w[i][column]);
            } else {
              multiply_add<T>(to, q[i][step], b[2 * n], b[2 * n + 1], to);
            }
          }
        }
      }
    }

    float shift[S::kTiles][2][kGroups];  // relh log2 e, then less m
    float largest[S::kTiles][2];
    bool rises = false;
#pragma unroll
    for (int i = 0; i < S::kTiles; ++i) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
#pragma unroll
        for (int group = 0; group < kGroups; ++group) {
          constexpr int kEach = 4 / kGroups;
          float top = s[i][group * kEach][2 * half];
#pragma unroll
          for (int n = 0; n < kEach; ++n) {
            top = fmaxf(top, fmaxf(s[i][group * kEach + n][2 * half],
                                   s[i][group * kEach + n][2 * half + 1]));
          }
          const float term =
              rel_h[(32 * Part / S::kColumns + group) * S::kRelStride + i * 16 + half * 8];
          shift[i][half][group] = term;
          top = fmaf(top, factor, term);
          largest[i][half] = group == 0 ? top : fmaxf(largest[i][half], top);
        }
        rises = rises || largest[i][half] > m[i][half] + kMaxRise;
      }
    }
    if (__any_sync(0xFFFFFFFFU, rises)) rescale(largest);

#pragma unroll
    for (int i = 0; i < S::kTiles; ++i) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
#pragma unroll
        for (int group = 0; group < kGroups; ++group) shift[i][half][group] -= m[i][half];
      }
    }
#pragma unroll
    for (int pair = 0; pair < 2; ++pair) {
      std::uint32_t p[S::kTiles][4];
#pragma unroll
      for (int i = 0; i < S::kTiles; ++i) {
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          const int n = 2 * pair + e / 2;
          const int half = e % 2;
          const float offset = shift[i][half][n * kGroups / 4];
          const float low = fast_exp2(fmaf(s[i][n][2 * half], factor, offset));
          const float high = fast_exp2(fmaf(s[i][n][2 * half + 1], factor, offset));
          sum[i][half] += low + high;
          p[i][e] = pack<T>(low, high);
        }
      }
#pragma unroll
      for (int n = 0; n < S::kD / 16; ++n) {
        std::uint32_t b[4];
        load_matrices_transposed(b, values + (32 * Part + 16 * pair) * S::kStride * 2 + n * 32);
#pragma unroll
        for (int i = 0; i < S::kTiles; ++i) {
          multiply_add<T>(out[i][2 * n], p[i], b[0], b[1], out[i][2 * n]);
          multiply_add<T>(out[i][2 * n + 1], p[i], b[2], b[3], out[i][2 * n + 1]);
        }
      }
    }
  }
};

template <typename T, typename S>
__global__ void __launch_bounds__(S::kThreads, S::kBlocks)
    window_attention_mma(const WindowParameters p) {
  if constexpr (!kHasBf16Mma && std::is_same_v<T, __nv_bfloat16>) {
    __trap();
    return;
  }
  extern __shared__ __align__(16) unsigned char shared[];
  T* const ring = reinterpret_cast<T*>(shared);
  float* const rel = reinterpret_cast<float*>(shared + S::kRingBytes);
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;

  const auto [query_block, head, image_tokens, top, left, row_width, queries] = window_block(p);
  if (query_block * S::kQueries >= queries) return;
  const int channels = p.heads * p.head_dim;
  const int first = query_block * S::kQueries + warp * 16 * S::kTiles;
  const bool is_active = first < queries;

  const HeadOfWindow<T, S> source{
      static_cast<const T*>(p.qkv) + image_tokens * 3 * channels + head * p.head_dim,
      p.pad == nullptr ? nullptr : p.pad + head * p.head_dim,
      top,
      left,
      p.height,
      p.width,
      p.side_h,
      p.side_w,
      p.head_dim,
      channels};
  const int tiles = (p.side_h + S::kRows - 1) / S::kRows;
#pragma unroll
  for (int i = 0; i < S::kStages - 1; ++i) {
    if (i < tiles) source.load(i, ring + i * S::kStageElements);
    commit_copies();
  }

  AttentionOfWarp<T, S> own;
  int y[S::kTiles][2];
  int x[S::kTiles][2];
#pragma unroll
  for (int i = 0; i < S::kTiles; ++i) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int query = first + i * 16 + half * 8 + lane / 4;
      const bool exists = query < queries;
      y[i][half] = min(query, queries - 1) / row_width;
      x[i][half] = min(query, queries - 1) % row_width;
      const Index token = static_cast<Index>(top + y[i][half]) * p.width + left + x[i][half];
      const T* q = source.qkv + token * 3 * channels + lane % 4 * 2;
#pragma unroll
      for (int step = 0; step < S::kD / 16; ++step) {
        const bool present = exists && step * 16 < p.head_dim;
#pragma unroll
        for (int k = 0; k < 2; ++k) {
          own.q[i][step][half + 2 * k] =
              present ? *reinterpret_cast<const std::uint32_t*>(q + step * 16 + k * 8) : 0;
        }
      }
      own.m[i][half] = -INFINITY;
      own.sum[i][half] = 0;
    }
#pragma unroll
    for (int n = 0; n < S::kD / 8; ++n) {
#pragma unroll
      for (int e = 0; e < 4; ++e) own.out[i][n][e] = 0;
    }
  }

  float* const rel_of_lane = rel + warp * 16 * S::kTiles + lane / 4;
  if (p.rel_w != nullptr) {
    T* const table = ring + (S::kStages - 1) * S::kStageElements;
    const int last = min(first + 16 * S::kTiles, queries) - 1;
    const bool one_row = first / row_width == last / row_width;
    load_table<T, S>(p.rel_w, 2 * p.side_w - 1, p.head_dim, table);
    __syncthreads();
    if (is_active) {
      own.relate(table, p.side_w, one_row ? first % row_width : 0,
                 one_row ? last % row_width : row_width - 1, x, p.inverse_scale, rel_of_lane);
    }
    __syncthreads();
#pragma unroll
    for (int i = 0; i < S::kTiles; ++i) {
#pragma unroll
      for (int n = 0; n < S::kColumns / 8; ++n) {
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          const int column = n * 8 + lane % 4 * 2 + e % 2;
          own.rel_w[i][n][e] = column < p.side_w
                                   ? rel_of_lane[column * S::kRelStride + i * 16 + e / 2 * 8]
                                   : kMasked;
        }
      }
    }
    load_table<T, S>(p.rel_h, 2 * p.side_h - 1, p.head_dim, table);
    __syncthreads();
    if (is_active) {
      own.relate(table, p.side_h, first / row_width, last / row_width, y, kLog2e, rel_of_lane);
    }
  } else {
#pragma unroll
    for (int i = 0; i < S::kTiles; ++i) {
#pragma unroll
      for (int n = 0; n < S::kColumns / 8; ++n) {
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          own.rel_w[i][n][e] = n * 8 + lane % 4 * 2 + e % 2 < p.side_w ? 0.0F : kMasked;
        }
      }
    }
  }
  // Rows of keys without a position term, and those that fill up the last tile.
  for (int i = (p.rel_w != nullptr ? p.side_h * S::kRelStride : 0) + static_cast<int>(threadIdx.x);
       i < tiles * S::kRows * S::kRelStride; i += S::kThreads) {
    rel[i] = i < p.side_h * S::kRelStride ? 0.0F : kMasked;
  }

  const std::uint32_t key_offset = 2 * ((lane / 16 * 8 + lane % 8) * S::kStride + lane / 8 % 2 * 8);
  const std::uint32_t value_offset =
      2 * ((S::kKeys + lane / 8 % 2 * 8 + lane % 8) * S::kStride + lane / 16 * 8);
  int stage = 0;
  int free_stage = S::kStages - 1;
  for (int tile = 0; tile < tiles; ++tile) {
    wait_for_copies<S::kStages - 2>();
    __syncthreads();
    if (tile + S::kStages - 1 < tiles) {
      source.load(tile + S::kStages - 1, ring + free_stage * S::kStageElements);
    }
    commit_copies();
    if (is_active) {
      const std::uint32_t at = shared_address(ring + stage * S::kStageElements);
      const float* rel_h = rel_of_lane + tile * S::kRows * S::kRelStride;
      own.template attend<0>(at + key_offset, at + value_offset, rel_h, p.factor);
      if constexpr (S::kKeys == 64) {
        own.template attend<1>(at + key_offset, at + value_offset, rel_h, p.factor);
      }
    }
    free_stage = stage;
    stage = stage + 1 == S::kStages ? 0 : stage + 1;
  }

#pragma unroll
  for (int i = 0; i < S::kTiles; ++i) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      float sum = own.sum[i][half];
      sum += __shfl_xor_sync(0xFFFFFFFFU, sum, 1);
      sum += __shfl_xor_sync(0xFFFFFFFFU, sum, 2);
      const float inverse = 1.0F / sum;
      if (first + i * 16 + half * 8 + lane / 4 >= queries) continue;
      const Index token =
          image_tokens + static_cast<Index>(top + y[i][half]) * p.width + left + x[i][half];
      T* to = static_cast<T*>(p.out) + token * channels + head * p.head_dim + lane % 4 * 2;
#pragma unroll
      for (int n = 0; n < S::kD / 8; ++n) {
        if (n * 8 < p.head_dim) {
          *reinterpret_cast<std::uint32_t*>(to + n * 8) =
              pack<T>(own.out[i][n][2 * half] * inverse, own.out[i][n][2 * half + 1] * inverse);
        }
      }
    }
  }
}

}  // namespace

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_ATTENTION_WINDOW_ATTENTION_MMA_CUH_
