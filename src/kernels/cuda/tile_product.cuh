// The plain product: any size, any alignment, numbers of any float type; factors are rounded to the
// type of the weights, and sums of float32 are taken in ascending order of k. A kernel of it needs
//   Rows::begin(batch): what load() takes for a matrix of the batch
//   Rows::load(begin, row, k): an element of the left matrix
//   Weights::begin(batch), Weights::load(begin, column, k): the same of the right matrix
//   Result::store(batch, row, column, sum)
// so that convolutions read windows, and write, where they lie.
#ifndef LASSO_KERNELS_CUDA_TILE_PRODUCT_CUH_
#define LASSO_KERNELS_CUDA_TILE_PRODUCT_CUH_

#include "kernels/cuda/launch.cuh"

namespace lasso::kernels::gpu {

// Numbers whose type is known at run time.
struct Numbers {
  const void* data;
  DType dtype;

  __device__ float load(Index i) const {
    if (dtype == DType::kBF16) return to_float(static_cast<const __nv_bfloat16*>(data)[i]);
    if (dtype == DType::kF16) return to_float(static_cast<const __half*>(data)[i]);
    return static_cast<const float*>(data)[i];
  }
};

struct MutableNumbers {
  void* data;
  DType dtype;

  __device__ void store(Index i, float value) const {
    if (dtype == DType::kBF16) {
      static_cast<__nv_bfloat16*>(data)[i] = from_float<__nv_bfloat16>(value);
    } else if (dtype == DType::kF16) {
      static_cast<__half*>(data)[i] = from_float<__half>(value);
    } else {
      static_cast<float*>(data)[i] = value;
    }
  }
};

__device__ inline float rounded_to(DType dtype, float value) {
  if (dtype == DType::kBF16) return to_float(from_float<__nv_bfloat16>(value));
  if (dtype == DType::kF16) return to_float(from_float<__half>(value));
  return value;
}

// What a sum becomes: activation(sum + b[column]) + r.
struct Finish {
  const float* bias;      // null: none
  const float* residual;  // null: none
  graph::Activation activation;

  __device__ float operator()(float sum, Index column, Index at) const {
    if (bias != nullptr) sum += bias[column];
    sum = activate(activation, sum);
    return residual == nullptr ? sum : sum + residual[at];
  }
};

constexpr int kTile = 64;       // rows and columns of a block
constexpr int kTileDepth = 16;  // k of a step
constexpr int kTileThreads = 256;
constexpr int kTileShare = 4;  // rows, and columns, of a thread

template <typename Rows, typename Weights, typename Result>
__global__ void __launch_bounds__(kTileThreads)
    tile_product(Index m, Index n, Index k, Index batch, Rows rows, Weights weights,
                 Result result) {
  constexpr int kPitch = kTile + 4;  // keeps float4 aligned, and spreads writes over the banks
  __shared__ __align__(16) float left[kTileDepth][kPitch];
  __shared__ __align__(16) float right[kTileDepth][kPitch];
  const int column = threadIdx.x % (kTile / kTileShare) * kTileShare;
  const int row = threadIdx.x / (kTile / kTileShare) * kTileShare;
  const Index m0 = blockIdx.x * static_cast<Index>(kTile);
  for (Index b = blockIdx.z; b < batch; b += gridDim.z) {
    const Index left_begin = rows.begin(b);
    const Index right_begin = weights.begin(b);
    for (Index n0 = blockIdx.y * static_cast<Index>(kTile); n0 < n;
         n0 += gridDim.y * static_cast<Index>(kTile)) {
      float sums[kTileShare][kTileShare] = {};
      for (Index k0 = 0; k0 < k; k0 += kTileDepth) {
        // Neighbours in a warp read neighbours in k.
        for (int i = threadIdx.x; i < kTile * kTileDepth; i += kTileThreads) {
          const int d = i % kTileDepth;
          const int r = i / kTileDepth;
          const bool inside = k0 + d < k;
          left[d][r] = inside && m0 + r < m ? rows.load(left_begin, m0 + r, k0 + d) : 0.0F;
          right[d][r] = inside && n0 + r < n ? weights.load(right_begin, n0 + r, k0 + d) : 0.0F;
        }
        __syncthreads();
#pragma unroll
        for (int d = 0; d < kTileDepth; ++d) {
          const float4 x = *reinterpret_cast<const float4*>(&left[d][row]);
          const float4 w = *reinterpret_cast<const float4*>(&right[d][column]);
          const float xs[kTileShare] = {x.x, x.y, x.z, x.w};
          const float ws[kTileShare] = {w.x, w.y, w.z, w.w};
#pragma unroll
          for (int i = 0; i < kTileShare; ++i) {
#pragma unroll
            for (int j = 0; j < kTileShare; ++j) sums[i][j] = fmaf(xs[i], ws[j], sums[i][j]);
          }
        }
        __syncthreads();
      }
#pragma unroll
      for (int i = 0; i < kTileShare; ++i) {
#pragma unroll
        for (int j = 0; j < kTileShare; ++j) {
          const Index r = m0 + row + i;
          const Index c = n0 + column + j;
          if (r < m && c < n) result.store(b, r, c, sums[i][j]);
        }
      }
    }
  }
}

template <typename Rows, typename Weights, typename Result>
void launch_tile_product(const char* name, const KernelArgs& args, Index m, Index n, Index k,
                         Index batch, const Rows& rows, const Weights& weights,
                         const Result& result) {
  const dim3 grid(static_cast<unsigned>((m + kTile - 1) / kTile), blocks_for(n, kTile),
                  blocks_for(batch, 1));
  launch(name, tile_product<Rows, Weights, Result>, grid, kTileThreads, 0, args, m, n, k, batch,
         rows, weights, result);
}

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_CUDA_TILE_PRODUCT_CUH_
