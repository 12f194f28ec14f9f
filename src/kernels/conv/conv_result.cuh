// What convolutions on tensor cores do with their sums. A group of four warps has 64 pixels, warp w
// those from 16 w on, and a thread of sums d[4 n] to d[4 n + 3] of eight columns: with
// g = lane / 4 and t = lane % 4 those of pixel g, columns 2 t and 2 t + 1, and of pixel g + 8.
#ifndef LASSO_KERNELS_CONV_CONV_RESULT_CUH_
#define LASSO_KERNELS_CONV_CONV_RESULT_CUH_

#include "kernels/conv/conv_sums.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/mma.cuh"

namespace lasso::kernels::gpu {

// x / (1 + e^-x) or, of a sigmoid, 1 / (1 + e^-x): within 2^-21 max(1, |x|).
__device__ __forceinline__ float times_sigmoid(float x, float factor) {
  return __fdividef(factor, 1.0F + fast_exp2(x * -1.44269504F));
}

// Adds the bias and applies the activation to sums of columns from `column` on.
template <int Count>
__device__ __forceinline__ void finish_sums(const ConvResult& p, int column, float (&d)[Count]) {
  const int first = column + static_cast<int>(threadIdx.x) % 4 * 2;
#pragma unroll
  for (int n = 0; n < Count / 4; ++n) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int at = first + 8 * n + i;
      const float bias = at < p.filters ? __ldg(p.bias + at) : 0.0F;
      d[4 * n + i] += bias;
      d[4 * n + 2 + i] += bias;
    }
  }
  switch (p.activation) {
    case graph::Activation::kSilu:
#pragma unroll
      for (float& x : d) x = times_sigmoid(x, x);
      break;
    case graph::Activation::kSigmoid:
#pragma unroll
      for (float& x : d) x = times_sigmoid(x, 1.0F);
      break;
    case graph::Activation::kRelu:
#pragma unroll
      for (float& x : d) x = activate(graph::Activation::kRelu, x);
      break;
    case graph::Activation::kLeakyRelu:
#pragma unroll
      for (float& x : d) x = activate(graph::Activation::kLeakyRelu, x);
      break;
    default:
      break;
  }
}

// Of four lanes in a row, each with four words: lane t gets word t of all four.
__device__ __forceinline__ void transpose_words(std::uint32_t (&w)[4]) {
  const bool odd = threadIdx.x % 2 != 0;
  const bool upper = threadIdx.x % 4 >= 2;
#pragma unroll
  for (int i = 0; i < 4; i += 2) {
    const std::uint32_t got = __shfl_xor_sync(0xFFFFFFFFU, odd ? w[i] : w[i + 1], 1);
    (odd ? w[i] : w[i + 1]) = got;
  }
#pragma unroll
  for (int i = 0; i < 2; ++i) {
    const std::uint32_t got = __shfl_xor_sync(0xFFFFFFFFU, upper ? w[i] : w[i + 2], 2);
    (upper ? w[i] : w[i + 2]) = got;
  }
}

// Of `half` of this thread's rows of 64 from `row` on: which it is, and whether it exists.
struct OwnRow {
  Index begin;  // of its results
  bool present;

  __device__ OwnRow(const ConvResult& p, int row, int half) {
    const int pixel = row + static_cast<int>(threadIdx.x) % 128 / 32 * 16 + half * 8 +
                      static_cast<int>(threadIdx.x) % 32 / 4;
    present = pixel < p.pixels;
    begin = static_cast<Index>(pixel) * p.filters;
  }
};

// Stores results of 64 rows from `row` on and of columns from `column` on, in vectors of 16 bytes.
template <typename T, int Count>
__device__ __forceinline__ void store_half_vectors(const ConvResult& p, int row, int column,
                                                   const float (&d)[Count]) {
  const int t = static_cast<int>(threadIdx.x) % 4;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const OwnRow own(p, row, half);
    T* const to = static_cast<T*>(p.y) + own.begin;
#pragma unroll
    for (int n = 0; n < Count / 4; n += 4) {
      std::uint32_t words[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        words[i] = pack<T>(d[4 * (n + i) + 2 * half], d[4 * (n + i) + 2 * half + 1]);
      }
      transpose_words(words);
      const int at = column + 8 * (n + t);
      if (!own.present || at >= p.filters) continue;
      *reinterpret_cast<uint4*>(to + at) = {words[0], words[1], words[2], words[3]};
    }
  }
}

template <int Count>
__device__ __forceinline__ void store_float_vectors(const ConvResult& p, int row, int column,
                                                    const float (&d)[Count]) {
  const int t = static_cast<int>(threadIdx.x) % 4;
  const bool odd = t % 2 != 0;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const OwnRow own(p, row, half);
    float* const to = static_cast<float*>(p.y) + own.begin;
#pragma unroll
    for (int n = 0; n < Count / 4; n += 2) {
      // Of eight columns and the next eight, even lanes get the former from their neighbour, odd
      // ones the latter.
      const float* const low = d + 4 * n + 2 * half;
      const float* const high = low + 4;
      float got[2];
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        got[i] = __shfl_xor_sync(0xFFFFFFFFU, odd ? low[i] : high[i], 1);
      }
      const int at = column + 8 * (n + t % 2) + t / 2 * 4;
      if (!own.present || at >= p.filters) continue;
      *reinterpret_cast<float4*>(to + at) =
          odd ? float4{got[0], got[1], high[0], high[1]} : float4{low[0], low[1], got[0], got[1]};
    }
  }
}

// By the result's type, where rows are multiples of 16 bytes.
template <typename T, int Count>
__device__ __forceinline__ void store_vectors(const ConvResult& p, int row, int column,
                                              const float (&d)[Count]) {
  if (p.half_result) {
    store_half_vectors<T>(p, row, column, d);
  } else {
    store_float_vectors(p, row, column, d);
  }
}

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_CONV_CONV_RESULT_CUH_
