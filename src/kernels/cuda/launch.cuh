// What all kernels for NVIDIA GPUs share: launching, and numbers in half the bytes.
#ifndef LASSO_KERNELS_CUDA_LAUNCH_CUH_
#define LASSO_KERNELS_CUDA_LAUNCH_CUH_

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <algorithm>
#include <cstdint>

#include "backend/cuda/cuda_check.h"
#include "backend/cuda/cuda_stream.h"
#include "core/dtype.h"
#include "kernels/kernel.h"

namespace lasso::kernels::gpu {

using Index = std::int64_t;

// Starts a kernel on the stream of `args`, and throws where that fails; `name` stands in the
// message. Nothing is started for an empty grid.
template <typename... Parameters, typename... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block,
            std::size_t shared_bytes, const KernelArgs& args, Arguments&&... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared_bytes;
  config.stream = cuda::stream_of(args).handle();
  cuda::check(cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...), name);
}

// Blocks of `threads` for `count` elements, at most what a grid-stride loop needs to fill a GPU.
inline unsigned blocks_for(Index count, int threads, Index most = 65535) {
  return static_cast<unsigned>(std::min<Index>((count + threads - 1) / threads, most));
}

// Numbers of any float type as float32 and back, to the nearest, ties to even.
__device__ inline float to_float(float x) { return x; }
__device__ inline float to_float(__nv_bfloat16 x) { return __bfloat162float(x); }
__device__ inline float to_float(__half x) { return __half2float(x); }
template <typename T>
__device__ T from_float(float x);
template <>
__device__ inline float from_float<float>(float x) {
  return x;
}
template <>
__device__ inline __nv_bfloat16 from_float<__nv_bfloat16>(float x) {
  return __float2bfloat16_rn(x);
}
template <>
__device__ inline __half from_float<__half>(float x) {
  return __float2half_rn(x);
}

// Calls f with a null pointer of the element type that a float type has on the GPU.
template <typename F>
auto with_float_type(DType dtype, const F& f) {
  if (dtype == DType::kBF16) return f(static_cast<__nv_bfloat16*>(nullptr));
  if (dtype == DType::kF16) return f(static_cast<__half*>(nullptr));
  return f(static_cast<float*>(nullptr));
}

// graph::Activation, with the same formulas.
__device__ inline float activate(graph::Activation activation, float x) {
  switch (activation) {
    case graph::Activation::kGelu:
      return 0.5F * x * (1.0F + erff(x * 0.70710678118654752F));
    case graph::Activation::kRelu:
      return x < 0.0F ? 0.0F : x;  // NaN stays
    case graph::Activation::kSigmoid:
      return 1.0F / (1.0F + expf(-x));
    case graph::Activation::kSilu:
      return x / (1.0F + expf(-x));
    case graph::Activation::kLeakyRelu:
      return x < 0.0F ? graph::kLeakySlope * x : x;
    default:
      return x;
  }
}

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_CUDA_LAUNCH_CUH_
