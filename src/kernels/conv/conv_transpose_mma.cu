// ConvTranspose2d on tensor cores, in one kernel: sums stay in registers until they are what y
// holds.
//
// SAM's last upscaling of 64 prompts, [64, 128, 128, 64] to [64, 256, 256, 32], is 17 GFLOP, 31 us
// at 550 TFLOP/s of bfloat16, and moves 403 MB, 94 us of 4.3 TB/s; the erf of 134 million numbers
// takes as long again. The first one, [64, 64, 64, 256] to [64, 128, 128, 64] in float32, is 34
// GFLOP, 62 us, and moves 403 MB.
#include <type_traits>

#include "kernels/conv/conv_cuda_kernels.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/mma.cuh"

namespace lasso::kernels::gpu {

namespace {

// A block has 128 pixels of x and 128 columns of W^T, a column being a tap and a filter; a warp has
// 32 x 64 of them, as 2 x 8 tiles of 16 x 8.
constexpr int kThreads = 256;
constexpr int kRows = 128;
constexpr int kColumns = 128;
constexpr int kDepth = 64;  // of a step
constexpr int kVector = 8;  // halves in 16 bytes
// Rows begin an odd number of 16 bytes apart, so that eight of them lie in different banks.
constexpr int kPitch = kDepth + kVector;
constexpr int kResultPitch = kColumns + kVector;
static_assert(kRows == kColumns && kRows * kResultPitch <= 2 * kRows * kPitch);

struct Problem {
  Index pixels;
  Index width;
  int stride, filters, columns, channels;
  graph::Activation activation;
};

// Eight numbers rounded to T.
template <typename T>
__device__ uint4 load_halves(const T* from) {
  return *reinterpret_cast<const uint4*>(from);
}
template <typename T>
__device__ uint4 load_halves(const float* from) {
  const float4 a = reinterpret_cast<const float4*>(from)[0];
  const float4 b = reinterpret_cast<const float4*>(from)[1];
  const float values[kVector] = {a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w};
  union {
    uint4 bits;
    T halves[kVector];
  } result = {};
#pragma unroll
  for (int i = 0; i < kVector; ++i) result.halves[i] = from_float<T>(values[i]);
  return result.bits;
}

template <typename T, typename X, typename Y>
__global__ void __launch_bounds__(kThreads, 2)
    transpose_mma(Problem p, const X* x, const T* w, const float* bias, Y* y) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
  constexpr int kWarpRows = 32;
  constexpr int kWarpColumns = 64;
  constexpr int kRowTiles = kWarpRows / 16;
  constexpr int kColumnTiles = kWarpColumns / 8;
  constexpr int kLoads = kRows * kDepth / kVector / kThreads;  // vectors of a thread in a step
  __shared__ __align__(16) T shared[2 * kRows * kPitch];
  __shared__ Index starts[kRows];  // where a pixel's first tap lies in y
  T* const xs = shared;
  T* const ws = shared + kRows * kPitch;
  const int thread = threadIdx.x;
  const int lane = thread % 32;
  const int warp_row = thread / 32 % (kRows / kWarpRows) * kWarpRows;
  const int warp_column = thread / 32 / (kRows / kWarpRows) * kWarpColumns;
  // Blocks with the same pixels follow each other, so that x is read once.
  const int column_blocks = (p.columns + kColumns - 1) / kColumns;
  const Index first_row = static_cast<Index>(blockIdx.x / column_blocks) * kRows;
  const int first_column = static_cast<int>(blockIdx.x % column_blocks) * kColumns;
  const Index line_pixels = p.width * p.stride;  // of y
  if (thread < kRows) {
    const Index pixel = first_row + thread;
    const Index line = pixel / p.width;
    starts[thread] =
        (line * p.stride * line_pixels + (pixel - line * p.width) * p.stride) * p.filters;
  }

  float sums[kRowTiles][kColumnTiles][4] = {};
  for (int k0 = 0; k0 < p.channels; k0 += kDepth) {
#pragma unroll
    for (int i = 0; i < kLoads; ++i) {
      const int vector = thread + i * kThreads;
      const int row = vector / (kDepth / kVector);
      const int d = vector % (kDepth / kVector) * kVector;
      const int k = k0 + d;
      const Index pixel = first_row + row;
      const int column = first_column + row;
      uint4 left = make_uint4(0, 0, 0, 0);
      uint4 right = left;
      if (k < p.channels && pixel < p.pixels) left = load_halves<T>(x + pixel * p.channels + k);
      if (k < p.channels && column < p.columns) {
        right = load_halves<T>(w + static_cast<Index>(column) * p.channels + k);
      }
      *reinterpret_cast<uint4*>(xs + row * kPitch + d) = left;
      *reinterpret_cast<uint4*>(ws + row * kPitch + d) = right;
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < kDepth; k += 16) {
      std::uint32_t left[kRowTiles][4];
#pragma unroll
      for (int i = 0; i < kRowTiles; ++i) {
        load_matrices(left[i], shared_address(xs + (warp_row + i * 16 + lane % 16) * kPitch + k +
                                              lane / 16 * 8));
      }
#pragma unroll
      for (int j = 0; j < kColumnTiles; j += 2) {
        std::uint32_t right[4];
        load_matrices(
            right, shared_address(ws + (warp_column + j * 8 + lane / 16 * 8 + lane % 8) * kPitch +
                                  k + lane / 8 % 2 * 8));
#pragma unroll
        for (int i = 0; i < kRowTiles; ++i) {
          multiply_add<T>(sums[i][j], left[i], right[0], right[1], sums[i][j]);
          multiply_add<T>(sums[i][j + 1], left[i], right[2], right[3], sums[i][j + 1]);
        }
      }
    }
    __syncthreads();
  }

  // Where column c lies in y after its pixel's first tap.
  const auto tap_offset = [&](int c, int filter) {
    const int tap = c / p.filters;
    const int u = tap / p.stride;
    return (u * line_pixels + (tap - u * p.stride)) * p.filters + filter;
  };
  // A thread has columns c and c + 1 of rows r and r + 8 of each tile.
#pragma unroll
  for (int j = 0; j < kColumnTiles; ++j) {
    const int column = warp_column + j * 8 + lane % 4 * 2;
    const int c = first_column + column;
    if (c >= p.columns) continue;
    const int filter = c % p.filters;
    const float2 b = *reinterpret_cast<const float2*>(bias + filter);
    const Index offset = std::is_same_v<Y, float> ? tap_offset(c, filter) : 0;
#pragma unroll
    for (int i = 0; i < kRowTiles * 2; ++i) {
      const int row = warp_row + i * 8 + lane / 4;
      const float value0 = activate(p.activation, sums[i / 2][j][i % 2 * 2] + b.x);
      const float value1 = activate(p.activation, sums[i / 2][j][i % 2 * 2 + 1] + b.y);
      if constexpr (std::is_same_v<Y, float>) {
        if (first_row + row < p.pixels) {
          *reinterpret_cast<float2*>(y + starts[row] + offset) = make_float2(value0, value1);
        }
      } else {
        T* const to = shared + row * kResultPitch + column;
        to[0] = from_float<T>(value0);
        to[1] = from_float<T>(value1);
      }
    }
  }
  if constexpr (!std::is_same_v<Y, float>) {  // in 16 bytes, eight filters of one tap
    __syncthreads();
    constexpr int kVectors = kColumns / kVector;
    const int column = thread % kVectors * kVector;
    const int c = first_column + column;
    if (c >= p.columns) return;
    const Index offset = tap_offset(c, c % p.filters);
    for (int row = thread / kVectors; row < kRows; row += kThreads / kVectors) {
      if (first_row + row >= p.pixels) return;
      *reinterpret_cast<uint4*>(y + starts[row] + offset) =
          *reinterpret_cast<const uint4*>(shared + row * kResultPitch + column);
    }
  }
#else
  __trap();
#endif
}

template <typename T, typename X, typename Y>
void run(const ConvTranspose2dProblem& p, const KernelArgs& args, const void* w,
         const float* bias) {
  const Problem problem{.pixels = p.batch * p.height * p.width,
                        .width = p.width,
                        .stride = static_cast<int>(p.stride),
                        .filters = static_cast<int>(p.filters),
                        .columns = static_cast<int>(p.stride * p.stride * p.filters),
                        .channels = static_cast<int>(p.channels),
                        .activation = p.activation};
  const Index row_blocks = (problem.pixels + kRows - 1) / kRows;
  const Index column_blocks = (problem.columns + kColumns - 1) / kColumns;
  launch("conv_transpose2d", transpose_mma<T, X, Y>,
         static_cast<unsigned>(row_blocks * column_blocks), kThreads, 0, args, problem,
         static_cast<const X*>(args.inputs[0]), static_cast<const T*>(w), bias,
         static_cast<Y*>(args.outputs[0]));
}

template <typename T>
void run(const ConvTranspose2dProblem& p, const KernelArgs& args, const void* w,
         const float* bias) {
  const bool wide_x = p.input == DType::kF32;
  const bool wide_y = p.output == DType::kF32;
  if (wide_x && wide_y) return run<T, float, float>(p, args, w, bias);
  if (wide_x) return run<T, float, T>(p, args, w, bias);
  if (wide_y) return run<T, T, float>(p, args, w, bias);
  return run<T, T, T>(p, args, w, bias);
}

}  // namespace

const char* refused_by_mma(const ConvTranspose2dProblem& p) {
  constexpr Index kMost =
      1 << 24;  // products of two sizes fit into 63 bits, of a size and 64 in 31
  if (!is_half(p.weights)) return "weights other than float16 and bfloat16";
  if (p.channels % kVector != 0 || p.channels == 0) return "channels that are no multiple of 8";
  if (p.filters % kVector != 0 || p.filters == 0) return "filters that are no multiple of 8";
  const Index blocks = (p.batch * p.height * p.width + kRows - 1) / kRows;
  const Index columns = p.stride * p.stride * p.filters;
  const bool fits = p.channels <= kMost && p.stride <= kMost / 2 && columns <= kMost &&
                    blocks <= kMost && blocks * (columns / kColumns + 1) < kMost * 64;
  return fits ? nullptr : "sizes beyond 31 bits";
}

void run_transpose_mma(const ConvTranspose2dProblem& p, const KernelArgs& args, const void* w,
                       const float* bias) {
  if (p.weights == DType::kF16) return run<__half>(p, args, w, bias);
  run<__nv_bfloat16>(p, args, w, bias);
}

}  // namespace lasso::kernels::gpu
