// Attention of windows of up to 16 x 16 tokens, on tensor cores of sm_90a.
//
// For SAM's windows (H200: 989 TFLOP/s, 4.3 TB/s), 14 x 14 and d = 64: 9.8 MFLOP a head, 0.01 us of
// the whole GPU, against 100 kB read and written, 0.023 us. So what counts is that copies of one
// block run while others calculate.
//
// A block computes 128 queries of one head of a window, 64 for each group of four warps. All keys
// and values are copied at once, in tiles of four rows filled up to 16 columns; once they are
// there, nothing but the group's own products is waited for.
#ifndef LASSO_KERNELS_ATTENTION_WINDOW_ATTENTION_WGMMA_WINDOWS_CUH_
#define LASSO_KERNELS_ATTENTION_WINDOW_ATTENTION_WGMMA_WINDOWS_CUH_

#include "kernels/attention/window_attention_wgmma.cuh"

namespace lasso::kernels::gpu {

namespace {

// For a head's width, the columns of a panel, and whether queries lie in shared memory, else in
// registers.
template <int D, int Width, bool SharedQueries>
struct WindowTiling {
  static constexpr int kD = D;
  static constexpr int kColumns = 16;
  static constexpr int kKeys = 64;
  static constexpr int kTiles = 1;  // of 16 queries, for a warp
  static constexpr int kWidth = Width;
  static constexpr bool kSharedQueries = SharedQueries;
  static constexpr int kThreads = 256;
  static constexpr int kQueries = 128;
  static constexpr int kKeyTiles = 4;
  static constexpr int kTileElements = 2 * kKeys * D;
  static constexpr int kStride = D + 8;  // of a row of a position table
  static constexpr int kTableRows = 32;
  static constexpr int kRelStride = kQueries + 4;
  static constexpr int kPanelBytes = 2 * kKeys * Width;
  static constexpr std::size_t kKeyBytes = std::size_t{2} * kKeyTiles * kTileElements;
  static constexpr std::size_t kTableBytes = std::size_t{2} * kTableRows * kStride;
  static constexpr std::size_t kRelBytes = sizeof(float) * kColumns * kRelStride;
  // Queries take the place of the tables and the terms of x once these are read.
  static constexpr std::size_t kQueryBytes = SharedQueries ? std::size_t{2} * kQueries * D : 0;
  static constexpr std::size_t kEarlyBytes = std::max(2 * kTableBytes + kRelBytes, kQueryBytes);
  static constexpr std::size_t kSharedBytes = kKeyBytes + kEarlyBytes + kRelBytes;
  static_assert(kKeyBytes % 1024 == 0);
};

// One head of one window.
template <typename T, typename S>
struct KeysOfWindow {
  const T* qkv;      // of the image, at the head's queries
  const float* pad;  // at the head's queries, or null
  int top, left, height, width, side_h, side_w, channels;

  // Calls f(bytes in a tile, key, offset in a token) for this thread's 16 bytes of all matrices.
  template <typename F>
  static __device__ __forceinline__ void for_each_part(const F& f) {
    constexpr int kParts = S::kTileElements / 8;
    static_assert(kParts % S::kThreads == 0);
#pragma unroll
    for (int first = 0; first < kParts; first += S::kThreads) {
      const int i = first + static_cast<int>(threadIdx.x);
      const int panel = i / (S::kKeys * S::kWidth / 8);
      const int column = panel % (S::kD / S::kWidth) * S::kWidth + i % (S::kWidth / 8) * 8;
      f(swizzled<S::kWidth>(16 * i), i / (S::kWidth / 8) % S::kKeys,
        panel / (S::kD / S::kWidth) + 1, column);
    }
  }

  __device__ __forceinline__ void load(unsigned char* tiles) const {
    const bool has_fill = pad != nullptr && (top + side_h > height || left + side_w > width);
    for_each_part([&](std::uint32_t bytes, int key, int matrix, int column) {
      const int x = key % S::kColumns;
      const T* const row = qkv + matrix * channels + column;
#pragma unroll
      for (int tile = 0; tile < S::kKeyTiles; ++tile) {
        const int y = tile * (S::kKeys / S::kColumns) + key / S::kColumns;
        const bool is_key = y < side_h && x < side_w;
        const bool inside = is_key && top + y < height && left + x < width;
        if (has_fill && is_key && !inside) continue;
        copy_16_bytes(
            tiles + tile * (2 * S::kTileElements) + bytes,
            inside ? row + static_cast<Index>((top + y) * width + left + x) * (3 * channels) : row,
            inside);
      }
    });
    commit_copies();
    if (!has_fill) return;
    // The keys and values of tokens outside the grid.
    for_each_part([&](std::uint32_t bytes, int key, int matrix, int column) {
      const int x = key % S::kColumns;
#pragma unroll 1
      for (int tile = 0; tile < S::kKeyTiles; ++tile) {
        const int y = tile * (S::kKeys / S::kColumns) + key / S::kColumns;
        if (y >= side_h || x >= side_w || (top + y < height && left + x < width)) continue;
        store_rounded(reinterpret_cast<T*>(tiles + tile * (2 * S::kTileElements) + bytes),
                      pad + matrix * channels + column);
      }
    });
  }
};

template <typename T, typename S>
__global__ void __launch_bounds__(S::kThreads, 2)
    window_attention_wgmma_windows(const WindowParameters p) {
  if constexpr (!kHasWarpGroups) {
    __trap();
    return;
  }
  extern __shared__ __align__(1024) unsigned char panels[];
  T* const table_w = reinterpret_cast<T*>(panels + S::kKeyBytes);
  T* const table_h = reinterpret_cast<T*>(panels + S::kKeyBytes + S::kTableBytes);
  float* const rel_w = reinterpret_cast<float*>(panels + S::kKeyBytes + 2 * S::kTableBytes);
  float* const rel_h = reinterpret_cast<float*>(panels + S::kKeyBytes + S::kEarlyBytes);
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;

  const auto [query_block, head, image_tokens, top, left, row_width, queries] = window_block(p);
  if (query_block * S::kQueries >= queries) return;
  const int channels = p.heads * S::kD;
  const int first = query_block * S::kQueries + warp * 16;

  const KeysOfWindow<T, S> source{
      static_cast<const T*>(p.qkv) + image_tokens * 3 * channels + head * S::kD,
      p.pad == nullptr ? nullptr : p.pad + head * S::kD,
      top,
      left,
      p.height,
      p.width,
      p.side_h,
      p.side_w,
      channels};
  source.load(panels);

  // Queries past the last are zeros.
  QueriesOfWarp<T, S> own;
  int y[1][2];
  int x[1][2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int query = first + half * 8 + lane / 4;
    y[0][half] = min(query, queries - 1) / row_width;
    x[0][half] = min(query, queries - 1) % row_width;
    const Index token = static_cast<Index>(top + y[0][half]) * p.width + left + x[0][half];
    const T* q = source.qkv + token * 3 * channels + lane % 4 * 2;
#pragma unroll
    for (int i = 0; i < S::kD / 8; ++i) {
      own.q[0][i / 2][half + i % 2 * 2] =
          query < queries ? *reinterpret_cast<const std::uint32_t*>(q + i * 8) : 0;
    }
  }
  if (p.rel_w != nullptr) {
    load_table<T, S>(p.rel_w, 2 * p.side_w - 1, S::kD, table_w);
    load_table<T, S>(p.rel_h, 2 * p.side_h - 1, S::kD, table_h);
  }
  // Terms of rows of keys that fill up the tiles, and where there is no position term.
  for (int i = (p.rel_w != nullptr ? p.side_h * S::kRelStride : 0) + static_cast<int>(threadIdx.x);
       i < S::kColumns * S::kRelStride; i += S::kThreads) {
    rel_h[i] = i < p.side_h * S::kRelStride ? 0.0F : kMasked;
  }
  __syncthreads();

  Weights<T, S> weights;
  const int of_lane = warp * 16 + lane / 4;
  const int last = min(first + 16, queries) - 1;
  const bool is_active = first <= last;
  if (p.rel_w != nullptr && is_active) {
    own.relate(table_w, p.side_w, 0, row_width - 1, x, kLog2e, rel_w + of_lane);
    own.relate(table_h, p.side_h, first / row_width, last / row_width, y, kLog2e, rel_h + of_lane);
  }
  __syncwarp();
#pragma unroll
  for (int i = 0; i < S::kColumns / 2; ++i) {
    const int column = i / 4 * 8 + lane % 4 * 2 + i % 2;
    weights.rel_w[i] = column >= p.side_w ? kMasked
                       : p.rel_w != nullptr && is_active
                           ? rel_w[column * S::kRelStride + i / 2 % 2 * 8 + of_lane]
                           : 0.0F;
  }
  if constexpr (S::kSharedQueries) {
    __syncthreads();
    share_queries<T, S>(own.q[0], panels + S::kKeyBytes);
  }
  wait_for_copies<0>();
  publish_to_products();
  __syncthreads();
  if (query_block * S::kQueries + warp / 4 * 64 >= queries) return;

  float out[S::kD / 2];
#pragma unroll
  for (float& value : out) value = 0;
  float s[32];
  std::uint32_t weight[4][4] = {};
  const std::uint32_t keys = shared_address(panels);
  const int tiles = (p.side_h + S::kKeys / S::kColumns - 1) / (S::kKeys / S::kColumns);
  const auto multiply_keys = [&](int tile) {
    const std::uint32_t at = keys + tile * (2 * S::kTileElements);
#pragma unroll
    for (int step = 0; step < S::kD / 16; ++step) {
      const std::uint64_t b = describe_matrix<S::kWidth>(
          at + step * 16 / S::kWidth * S::kPanelBytes + step * 16 % S::kWidth * 2, 16);
      multiply_queries<T, S>(s, own.q[0], keys + S::kKeyBytes, step, b);
    }
  };
  const auto multiply_values = [&](int tile) {
    const std::uint32_t at = keys + tile * (2 * S::kTileElements) + S::kTileElements;
#pragma unroll
    for (int step = 0; step < 4; ++step) {
      multiply_columns<T>(out, weight[step],
                          describe_matrix<S::kWidth>(at + step * (32 * S::kWidth), S::kPanelBytes));
    }
  };
  const auto finish_products = [&] {
    commit_products();
    wait_for_products<0>();
    hold(s);
    hold(out);
  };
  float down[2];
  begin_products();
  multiply_keys(0);
  finish_products();
  if (is_active) weights.next(s, p.factor, rel_h + of_lane, weight, down);
#pragma unroll 1
  for (int tile = 1; tile < tiles; ++tile) {
    begin_products();
    multiply_keys(tile);
    multiply_values(tile - 1);
    finish_products();
    if (!is_active) continue;
    const float* term = rel_h + of_lane + tile * (S::kKeys / S::kColumns) * S::kRelStride;
    if (weights.next(s, p.factor, term, weight, down)) {
#pragma unroll
      for (int i = 0; i < S::kD / 2; ++i) out[i] *= down[i / 2 % 2];
    }
  }
  begin_products();
  multiply_values(tiles - 1);
  finish_products();

  store_results<T, S>(out, weights.sum, [&](int half) -> T* {
    const int query = first + half * 8 + lane / 4;
    if (query >= queries) return nullptr;
    const Index token = image_tokens + static_cast<Index>(top + query / row_width) * p.width +
                        left + query % row_width;
    return static_cast<T*>(p.out) + token * channels + head * S::kD;
  });
}

}  // namespace

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_ATTENTION_WINDOW_ATTENTION_WGMMA_WINDOWS_CUH_
