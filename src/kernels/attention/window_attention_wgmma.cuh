// Attention of all tokens of a grid of up to 64 x 64, on tensor cores of sm_90a.
//
// For SAM's sizes (H200: 989 TFLOP/s, 4.3 TB/s): a head of 4096 tokens, d = 64, is 4.3 GFLOP, 4.3
// us of the whole GPU, 2 MB read and written, 0.5 us, and 16.8 M exponentials, at 16 a clock and
// multiprocessor 4.5 us. So exponentials run while products do.
//
// A block computes 64 queries of one head for each of its groups of four warps. A tile of keys is a
// row of the grid, filled up to 64 columns, as in window_attention_mma.cuh. Products of a group
// take keys and values right from shared memory: q k^T of a tile is started together with p v of
// the tile before, and while that runs the tile's weights are calculated. Tiles are copied four
// ahead; a group may be one tile ahead of another.
//
// Weights are 2^(c q.k + relw log2 e + relh log2 e - m). Whether m is too small shows in their sum,
// so that no maximum is needed but where it does.
#ifndef LASSO_KERNELS_ATTENTION_WINDOW_ATTENTION_WGMMA_CUH_
#define LASSO_KERNELS_ATTENTION_WINDOW_ATTENTION_WGMMA_CUH_

#include "kernels/attention/window_positions.cuh"
#include "kernels/cuda/wgmma.cuh"

namespace lasso::kernels::gpu {

namespace {

// Of a block: a head's width, groups of four warps, columns of a panel, and whether queries lie in
// shared memory, else in registers.
template <int D, int Groups, int Width, bool SharedQueries>
struct GroupTiling {
  static constexpr int kD = D;
  static constexpr int kColumns = 64;
  static constexpr int kKeys = 64;
  static constexpr int kTiles = 1;
  static constexpr int kWidth = Width;
  static constexpr bool kSharedQueries = SharedQueries;
  static constexpr int kThreads = 128 * Groups;
  static constexpr int kQueries = 64 * Groups;
  static constexpr int kStages = 7;
  static constexpr int kAhead = 4;  // tiles that are being copied
  static constexpr int kStageElements = 2 * kKeys * D;
  static constexpr int kStride = D + 8;  // of a row of a position table
  static constexpr int kTableRows = 128;
  static constexpr int kRelStride = kQueries + 4;
  static constexpr int kPanelBytes = 2 * kKeys * Width;
  static constexpr std::size_t kRingBytes = std::size_t{2} * kStages * kStageElements;
  static constexpr std::size_t kQueryBytes = SharedQueries ? std::size_t{2} * kQueries * D : 0;
  static constexpr std::size_t kRelBytes = sizeof(float) * kColumns * kRelStride;
  static constexpr std::size_t kSharedBytes =
      kRingBytes + kQueryBytes + kRelBytes + 2 * kStages * sizeof(std::uint64_t);
  static_assert(D % Width == 0 && kStageElements * 2 % 1024 == 0);
  // Position tables lie where the first tiles do not.
  static_assert(2 * kTableRows * kStride <= (kStages - kAhead) * kStageElements);
};

// The ring of tiles. Tile u lies in stage u % kStages; filled[] ends a phase when all warps have
// copied their part, released[] when all have read the values.
template <typename T, typename S>
struct Ring {
  T* stages;
  std::uint64_t* filled;
  std::uint64_t* released;
  const T* qkv;  // of the image, at the head's queries
  int width, tiles, channels;

  __device__ __forceinline__ void start(int tile) const {
    if (tile < tiles) {
      if (tile >= S::kStages) {
        wait_at(released + tile % S::kStages, (tile / S::kStages - 1) % 2);
      }
      constexpr int kChunks = 2 * S::kKeys * S::kD / 8;
      unsigned char* const stage =
          reinterpret_cast<unsigned char*>(stages + tile % S::kStages * S::kStageElements);
      const T* const row = qkv + static_cast<Index>(tile) * width * (3 * channels) + channels;
#pragma unroll
      for (int first = 0; first < kChunks; first += S::kThreads) {
        const int i = first + static_cast<int>(threadIdx.x);
        if (first + S::kThreads > kChunks && i >= kChunks) break;
        const int panel = i / (S::kKeys * S::kWidth / 8);
        const int x = i / (S::kWidth / 8) % S::kKeys;
        const int column = panel % (S::kD / S::kWidth) * S::kWidth + i % (S::kWidth / 8) * 8;
        const int values = panel / (S::kD / S::kWidth);
        const bool present = x < width;
        copy_16_bytes(
            stage + swizzled<S::kWidth>(16 * i),
            row + (present ? static_cast<Index>(x) * 3 * channels + values * channels + column : 0),
            present);
      }
    }
    commit_copies();
  }

  // Waits for all but the last kAhead - 3 copies that were started: this warp's part of the tile is
  // there.
  __device__ __forceinline__ void mark_filled(int tile) const {
    wait_for_copies<S::kAhead - 3>();
    publish_to_products();
    __syncwarp();
    if (tile < tiles && threadIdx.x % 32 == 0) arrive_at(filled + tile % S::kStages);
  }

  __device__ __forceinline__ void mark_released(int tile) const {
    __syncwarp();
    if (threadIdx.x % 32 == 0) arrive_at(released + tile % S::kStages);
  }

  // Starts the copy of a tile to come, and waits until `tile` is there.
  __device__ __forceinline__ void proceed(int tile) const {
    mark_filled(tile + 2);
    start(tile + S::kAhead);
    wait_at(filled + tile % S::kStages, tile / S::kStages % 2);
  }
};

// Queries of the block from the warps' registers as panels, in shared memory.
template <typename T, typename S>
__device__ __forceinline__ void share_queries(const std::uint32_t (&q)[S::kD / 16][4],
                                              unsigned char* to) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int row = static_cast<int>(threadIdx.x) / 32 * 16 + half * 8 + lane / 4;
#pragma unroll
    for (int i = 0; i < S::kD / 8; ++i) {
      const int panel = i * 8 / S::kWidth;
      const std::uint32_t at = panel * (2 * S::kQueries * S::kWidth) + row * (2 * S::kWidth) +
                               i * 8 % S::kWidth * 2 + lane % 4 * 4;
      *reinterpret_cast<std::uint32_t*>(to + swizzled<S::kWidth>(at)) = q[i / 2][half + i % 2 * 2];
    }
  }
}

// s = q[64, 16] b[64, 16]^T for columns 16 step to 16 step + 15 of a group's queries, which lie in
// registers, or at an address, as panels; from step 1 on added to s.
template <typename T, typename S>
__device__ __forceinline__ void multiply_queries(float (&s)[32],
                                                 const std::uint32_t (&q)[S::kD / 16][4],
                                                 std::uint32_t address, int step, std::uint64_t b) {
  if constexpr (S::kSharedQueries) {
    const int group = static_cast<int>(threadIdx.x) / 128;
    const std::uint64_t a =
        describe_matrix<S::kWidth>(address + step * 16 / S::kWidth * (2 * S::kQueries * S::kWidth) +
                                       group * (128 * S::kWidth) + step * 16 % S::kWidth * 2,
                                   16);
    if (step == 0) {
      multiply_rows<T, false>(s, a, b);
    } else {
      multiply_rows<T, true>(s, a, b);
    }
  } else {
    if (step == 0) {
      multiply_rows<T, false>(s, q[step], b);
    } else {
      multiply_rows<T, true>(s, q[step], b);
    }
  }
}

// Weights of 64 queries and a tile's 64 keys, which are kRows rows of kColumns.
template <typename T, typename S>
struct Weights {
  static constexpr int kRows = 64 / S::kColumns;

  float rel_w[S::kColumns / 2];  // log2 e relw
  float m[2] = {-INFINITY, -INFINITY};
  float sum[2] = {0, 0};  // of this thread's columns

  // p = 2^(x + shift), as factors of products, and their sums.
  static __device__ __forceinline__ void weigh(const float (&x)[32], const float (&shift)[2][kRows],
                                               std::uint32_t (&p)[4][4], float (&total)[2]) {
    total[0] = 0;
    total[1] = 0;
#pragma unroll
    for (int n = 0; n < 8; ++n) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const float by = shift[half][n * 8 / S::kColumns];
        const float low = fast_exp2(x[4 * n + 2 * half] + by);
        const float high = fast_exp2(x[4 * n + 2 * half + 1] + by);
        total[half] += low + high;
        p[n / 2][n % 2 * 2 + half] = pack<T>(low, high);
      }
    }
  }

  // From products s to p. True if m rose, and then sums before are to be multiplied by `down`.
  __device__ __forceinline__ bool next(float (&s)[32], float factor, const float* rel_h,
                                       std::uint32_t (&p)[4][4], float (&down)[2]) {
#pragma unroll
    for (int i = 0; i < 32; ++i) s[i] = fmaf(s[i], factor, rel_w[i % (S::kColumns / 2)]);
    float shift[2][kRows];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
#pragma unroll
      for (int row = 0; row < kRows; ++row) {
        shift[half][row] = rel_h[row * S::kRelStride + half * 8] - m[half];
      }
    }
    float total[2];
    weigh(s, shift, p, total);
    constexpr float kMost = 256.0F;
    const bool rises = __any_sync(0xFFFFFFFFU, total[0] > kMost || total[1] > kMost) != 0;
    if (rises) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        float top = m[half];
#pragma unroll
        for (int row = 0; row < kRows; ++row) {
          const float term = rel_h[row * S::kRelStride + half * 8];
          shift[half][row] = term;
#pragma unroll
          for (int n = row * S::kColumns / 8; n < (row + 1) * S::kColumns / 8; ++n) {
            top = fmaxf(top, term + fmaxf(s[4 * n + 2 * half], s[4 * n + 2 * half + 1]));
          }
        }
        top = fmaxf(top, __shfl_xor_sync(0xFFFFFFFFU, top, 1));
        top = fmaxf(top, __shfl_xor_sync(0xFFFFFFFFU, top, 2));
        down[half] = fast_exp2(m[half] - top);
        sum[half] *= down[half];
        m[half] = top;
#pragma unroll
        for (int row = 0; row < kRows; ++row) shift[half][row] -= top;
      }
      weigh(s, shift, p, total);
    }
    sum[0] += total[0];
    sum[1] += total[1];
    return rises;
  }
};

// Divides a thread's parts of two rows by the rows' sums, of which four lanes have a part each, and
// stores them from row(half) on; null for a query that does not exist.
template <typename T, typename S, typename Row>
__device__ __forceinline__ void store_results(const float (&out)[S::kD / 2], const float (&sums)[2],
                                              const Row& row) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    float sum = sums[half];
    sum += __shfl_xor_sync(0xFFFFFFFFU, sum, 1);
    sum += __shfl_xor_sync(0xFFFFFFFFU, sum, 2);
    const float inverse = 1.0F / sum;
    T* to = row(half);
    if (to == nullptr) continue;
    to += threadIdx.x % 4 * 2;
#pragma unroll
    for (int n = 0; n < S::kD / 8; ++n) {
      *reinterpret_cast<std::uint32_t*>(to + n * 8) =
          pack<T>(out[4 * n + 2 * half] * inverse, out[4 * n + 2 * half + 1] * inverse);
    }
  }
}

template <typename T, typename S>
__global__ void __launch_bounds__(S::kThreads, 1) window_attention_wgmma(const WindowParameters p) {
  if constexpr (!kHasWarpGroups) {
    __trap();
    return;
  }
  extern __shared__ __align__(1024) unsigned char panels[];
  T* const stages = reinterpret_cast<T*>(panels);
  T* const shared_queries = reinterpret_cast<T*>(panels + S::kRingBytes);
  float* const rel = reinterpret_cast<float*>(panels + S::kRingBytes + S::kQueryBytes);
  std::uint64_t* const barriers =
      reinterpret_cast<std::uint64_t*>(panels + S::kRingBytes + S::kQueryBytes + S::kRelBytes);
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int group = warp / 4;

  const int query_block = static_cast<int>(blockIdx.x % p.query_blocks);
  const int head = static_cast<int>(blockIdx.x / p.query_blocks % p.heads);
  const Index image = blockIdx.x / p.query_blocks / p.heads;
  const int queries = p.height * p.width;
  const int channels = p.heads * S::kD;
  const T* const qkv = static_cast<const T*>(p.qkv) + image * queries * 3 * channels + head * S::kD;
  const int first = query_block * S::kQueries + warp * 16;

  const Ring<T, S> ring{stages, barriers, barriers + S::kStages, qkv, p.width, p.height, channels};
#pragma unroll
  for (int i = 0; i < S::kAhead; ++i) ring.start(i);
  if (threadIdx.x < 2 * S::kStages) make_barrier(barriers + threadIdx.x, S::kThreads / 32);

  T* const table_w = stages + S::kAhead * S::kStageElements;
  T* const table_h = table_w + S::kTableRows * S::kStride;
  if (p.rel_w != nullptr) {
    load_table<T, S>(p.rel_w, 2 * p.width - 1, S::kD, table_w);
    load_table<T, S>(p.rel_h, 2 * p.height - 1, S::kD, table_h);
  }
  // Queries past the last are zeros.
  QueriesOfWarp<T, S> own;
  int y[1][2];
  int x[1][2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int query = first + half * 8 + lane / 4;
    y[0][half] = min(query, queries - 1) / p.width;
    x[0][half] = min(query, queries - 1) % p.width;
    const T* q = qkv + static_cast<Index>(min(query, queries - 1)) * (3 * channels) + lane % 4 * 2;
#pragma unroll
    for (int i = 0; i < S::kD / 8; ++i) {
      std::uint32_t& to = own.q[0][i / 2][half + i % 2 * 2];
      to = query < queries ? *reinterpret_cast<const std::uint32_t*>(q + i * 8) : 0;
    }
  }
  if constexpr (S::kSharedQueries) {
    share_queries<T, S>(own.q[0], reinterpret_cast<unsigned char*>(shared_queries));
    publish_to_products();
  }
  __syncthreads();

  Weights<T, S> weights;
  float* const rel_of_lane = rel + warp * 16 + lane / 4;
  if (p.rel_w != nullptr) {
    const int last = min(first + 16, queries) - 1;
    if (first <= last) {
      const bool one_row = first / p.width == last / p.width;
      own.relate(table_w, p.width, one_row ? first % p.width : 0,
                 one_row ? last % p.width : p.width - 1, x, kLog2e, rel_of_lane);
    }
    __syncwarp();
#pragma unroll
    for (int i = 0; i < 32; ++i) {
      const int column = i / 4 * 8 + lane % 4 * 2 + i % 2;
      weights.rel_w[i] = column >= p.width ? kMasked
                         : first <= last   ? rel_of_lane[column * S::kRelStride + i / 2 % 2 * 8]
                                           : 0.0F;
    }
    __syncwarp();
    if (first <= last) {
      own.relate(table_h, p.height, first / p.width, last / p.width, y, kLog2e, rel_of_lane);
    }
  } else {
#pragma unroll
    for (int i = 0; i < 32; ++i) {
      weights.rel_w[i] = i / 4 * 8 + lane % 4 * 2 + i % 2 < p.width ? 0.0F : kMasked;
    }
  }
  if (p.rel_w == nullptr || first >= queries) {
    for (int row = lane / 16; row < p.height; row += 2) {
      rel[row * S::kRelStride + warp * 16 + lane % 16] = 0.0F;
    }
  }
  __syncthreads();

  ring.mark_filled(0);
  ring.mark_filled(1);
  if (query_block * S::kQueries + group * 64 >= queries) {
    for (int tile = 0; tile < p.height; ++tile) {
      ring.proceed(tile);
      ring.mark_released(tile);
    }
    wait_for_copies<0>();
    return;
  }

  float out[S::kD / 2];
#pragma unroll
  for (float& value : out) value = 0;
  float s[32];
  std::uint32_t weight[4][4];
  std::uint32_t next[4][4];
  float down[2] = {1, 1};

  const std::uint32_t keys_at = shared_address(stages);
  const std::uint32_t queries_at = shared_address(panels) + S::kRingBytes;
  const auto multiply_keys = [&](int tile) {
    const std::uint32_t at = keys_at + tile % S::kStages * (2 * S::kStageElements);
#pragma unroll
    for (int step = 0; step < S::kD / 16; ++step) {
      const std::uint32_t panel = step * 16 / S::kWidth;
      const std::uint32_t within = step * 16 % S::kWidth * 2;
      const std::uint64_t b = describe_matrix<S::kWidth>(at + panel * S::kPanelBytes + within, 16);
      multiply_queries<T, S>(s, own.q[0], queries_at, step, b);
    }
    commit_products();
  };
  const auto multiply_values = [&](int tile) {
    const std::uint32_t at =
        keys_at + tile % S::kStages * (2 * S::kStageElements) + S::kStageElements;
#pragma unroll
    for (int step = 0; step < 4; ++step) {
      multiply_columns<T>(out, weight[step],
                          describe_matrix<S::kWidth>(at + step * (32 * S::kWidth), S::kPanelBytes));
    }
    commit_products();
  };

  ring.proceed(0);
  begin_products();
  multiply_keys(0);
  wait_for_products<0>();
  hold(s);
  weights.next(s, p.factor, rel_of_lane, weight, down);
#pragma unroll 1
  for (int tile = 1; tile < p.height; ++tile) {
    ring.proceed(tile);
    begin_products();
    multiply_keys(tile);
    multiply_values(tile - 1);
    wait_for_products<1>();
    hold(s);
    const bool rose = weights.next(s, p.factor, rel_of_lane + tile * S::kRelStride, next, down);
    wait_for_products<0>();
    hold(out);
    ring.mark_released(tile - 1);
    if (rose) {
#pragma unroll
      for (int i = 0; i < S::kD / 2; ++i) out[i] *= down[i / 2 % 2];
    }
#pragma unroll
    for (int step = 0; step < 4; ++step) copy_factors(weight[step], next[step]);
  }
  begin_products();
  multiply_values(p.height - 1);
  wait_for_products<0>();
  hold(out);

  store_results<T, S>(out, weights.sum, [&](int half) -> T* {
    const int query = first + half * 8 + lane / 4;
    if (query >= queries) return nullptr;
    return static_cast<T*>(p.out) + (image * queries + query) * channels + head * S::kD;
  });
}

}  // namespace

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_ATTENTION_WINDOW_ATTENTION_WGMMA_CUH_
