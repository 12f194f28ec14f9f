// Sums and extremes over the threads that share a row: always in the same order.
#ifndef LASSO_KERNELS_CUDA_TEAM_CUH_
#define LASSO_KERNELS_CUDA_TEAM_CUH_

#include "kernels/cuda/launch.cuh"

namespace lasso::kernels::gpu {

struct Sum {
  __device__ float operator()(float a, float b) const { return a + b; }
};
// Not-a-number loses, as with std::max(a, b) for a number a.
struct Largest {
  __device__ float operator()(float a, float b) const { return fmaxf(a, b); }
};

// combine() of the values of a row's threads, for each of them: kThreads are a power of two up to
// 32, neighbours in a warp, all of whose threads take part; or whole warps, which are the block.
template <int kThreads, typename Combine>
__device__ float reduce_team(float value, Combine combine) {
#pragma unroll
  for (int distance = (kThreads < 32 ? kThreads : 32) / 2; distance > 0; distance /= 2) {
    value = combine(value, __shfl_xor_sync(0xFFFFFFFFU, value, distance));
  }
  if constexpr (kThreads > 32) {
    __shared__ float warps[kThreads / 32];
    if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = value;
    __syncthreads();
    value = warps[0];
    for (int i = 1; i < kThreads / 32; ++i) value = combine(value, warps[i]);
    __syncthreads();  // before the next call writes
  }
  return value;
}

// How quant::quantize_row() rounds, bit for bit: the scale of a row, and a value over it.
__device__ inline float row_scale(float largest) {
  return largest > 0.0F ? largest / 127.0F : 1.0F;
}
__device__ inline std::uint8_t quantize(float value, float inverse_scale) {
  const float rounded = rintf(value * inverse_scale);
  return static_cast<std::uint8_t>(fminf(fmaxf(rounded, -127.0F), 127.0F) + 128.0F);
}

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_CUDA_TEAM_CUH_
