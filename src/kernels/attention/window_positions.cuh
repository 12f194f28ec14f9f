// What the kernels for windows on tensor cores have in common: queries as factors of products, and
// their terms of relative positions.
#ifndef LASSO_KERNELS_ATTENTION_WINDOW_POSITIONS_CUH_
#define LASSO_KERNELS_ATTENTION_WINDOW_POSITIONS_CUH_

#include "kernels/attention/window_block.cuh"
#include "kernels/cuda/mma.cuh"

namespace lasso::kernels::gpu {

namespace {

// The score of what is no key.
constexpr float kMasked = -1e30F;

// Rounds 8 numbers and stores them at a multiple of 16 bytes.
template <typename T>
__device__ __forceinline__ void store_rounded(T* to, const float4& a, const float4& b) {
  *reinterpret_cast<uint4*>(to) =
      uint4{pack<T>(a.x, a.y), pack<T>(a.z, a.w), pack<T>(b.x, b.y), pack<T>(b.z, b.w)};
}
template <typename T>
__device__ __forceinline__ void store_rounded(T* to, const float* from) {
  store_rounded(to, *reinterpret_cast<const float4*>(from),
                *reinterpret_cast<const float4*>(from + 4));
}

// A position table's rows, rounded, into shared memory; several reads are under way at a time.
template <typename T, typename S>
__device__ __forceinline__ void load_table(const float* table, int rows, int head_dim, T* to) {
  constexpr int kAtOnce = 4;
  const int count = rows * (S::kD / 8);
  for (int first = static_cast<int>(threadIdx.x); first < count; first += kAtOnce * S::kThreads) {
    float4 x[kAtOnce][2];
#pragma unroll
    for (int n = 0; n < kAtOnce; ++n) {
      const int i = first + n * S::kThreads;
      const int column = i % (S::kD / 8) * 8;
      const bool present = i < count && column < head_dim;
      const float* from = table + (present ? i / (S::kD / 8) * head_dim + column : 0);
      x[n][0] = present ? *reinterpret_cast<const float4*>(from) : float4{0, 0, 0, 0};
      x[n][1] = present ? *reinterpret_cast<const float4*>(from + 4) : float4{0, 0, 0, 0};
    }
#pragma unroll
    for (int n = 0; n < kAtOnce; ++n) {
      const int i = first + n * S::kThreads;
      if (i >= count) break;
      store_rounded(to + i / (S::kD / 8) * S::kStride + i % (S::kD / 8) * 8, x[n][0], x[n][1]);
    }
  }
}

// Queries of a warp, S::kTiles times 16: fragments of multiply_add().
template <typename T, typename S>
struct QueriesOfWarp {
  static constexpr int kSteps = S::kD / 16;

  std::uint32_t q[S::kTiles][kSteps][4];

  // rel[at + side - 1 - j][query] = factor q . table[j] for the j in [low, high + side) that
  // positions between low and high take. `rel` points to row lane / 4 of the warp's queries.
  __device__ __forceinline__ void relate(const T* table, int side, int low, int high,
                                         const int (&at)[S::kTiles][2], float factor,
                                         float* rel) const {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    for (int first = low / 16 * 16; first < high + side; first += 16) {
      float products[S::kTiles][2][4] = {};
      const std::uint32_t from = shared_address(
          table + (first + lane / 16 * 8 + lane % 8) * S::kStride + lane / 8 % 2 * 8);
#pragma unroll
      for (int step = 0; step < kSteps; ++step) {
        std::uint32_t b[4];
        load_matrices(b, from + step * 32);
#pragma unroll
        for (int i = 0; i < S::kTiles; ++i) {
          multiply_add<T>(products[i][0], q[i][step], b[0], b[1], products[i][0]);
          multiply_add<T>(products[i][1], q[i][step], b[2], b[3], products[i][1]);
        }
      }
#pragma unroll
      for (int i = 0; i < S::kTiles; ++i) {
#pragma unroll
        for (int e = 0; e < 8; ++e) {
          const int half = e / 2 % 2;
          const int j = first + e / 4 * 8 + lane % 4 * 2 + e % 2;
          const int to = at[i][half] + side - 1 - j;
          if (to >= 0 && to < side) {
            rel[to * S::kRelStride + i * 16 + half * 8] = factor * products[i][e / 4][e % 4];
          }
        }
      }
    }
  }
};

}  // namespace

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_ATTENTION_WINDOW_POSITIONS_CUH_
