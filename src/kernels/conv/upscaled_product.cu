// UpscaledProduct on tensor cores: SAM's last upscaling and the masks made from it. Pixels of the
// upscaled image stay in registers, where they meet the rows of A.
//
// For 64 prompts, [64, 128, 128, 64] to 32 filters and 4 masks of 256 x 256, it is 17 GFLOP of
// bfloat16, 31 us at 550 TFLOP/s; 134 million erf of about 24 instructions, 110 us; 1.1 GFLOP of
// float32; and 201 MB, 47 us at 4.3 TB/s, where the image itself would be 537 MB written and read.
#include <algorithm>
#include <type_traits>

#include "kernels/conv/upscaled_product_kernel.h"
#include "kernels/cuda/mma.cuh"
#include "kernels/cuda/nest.cuh"

namespace lasso::kernels::gpu {

namespace {

// A block has 128 pixels of x at a time, and all columns of W^T, a column being a tap and a filter.
// A warp has 32 pixels by the taps of one line of the result, as 2 x 8 tiles of 16 x 8.
constexpr int kThreads = 256;
constexpr int kPixels = 128;
constexpr int kStride = 2;
constexpr int kFilters = 32;
constexpr int kColumns = kStride * kStride * kFilters;
static_assert(kColumns == kPixels);  // load_rows() takes as many of both
constexpr int kDepth = 64;           // the most channels
constexpr int kVector = 8;           // halves in 16 bytes
// Rows begin an odd number of 16 bytes apart, so that eight of them lie in different banks.
constexpr int kPitch = kDepth + kVector;
constexpr int kMasks = 4;  // the most rows of A: one for each lane of four
constexpr std::size_t kSharedBytes = (kColumns + 2 * kPixels) * kPitch * sizeof(std::uint16_t);

struct Operands {
  const void* x;
  const void* w;
  const float* bias;
  const float* a;
  float* y;
  int channels;
  int masks;
  std::uint32_t tiles;
  Divider<std::uint32_t> tiles_of_image;
  Divider<std::uint32_t> width;
};

// 128 rows of `channels` halves from row `first` on; zeros behind their ends.
template <typename T>
__device__ __forceinline__ void load_rows(const T* from, Index first, int channels, T* to) {
#pragma unroll
  for (int i = 0; i < kPixels * kDepth / kVector / kThreads; ++i) {
    const int vector = static_cast<int>(threadIdx.x) + i * kThreads;
    const int row = vector / (kDepth / kVector);
    const int k = vector % (kDepth / kVector) * kVector;
    const bool present = k < channels;
    copy_16_bytes(to + row * kPitch + k, from + (first + row) * channels + (present ? k : 0),
                  present);
  }
}

template <typename T>
__global__ void __launch_bounds__(kThreads, 2)
    upscaled_product(const __grid_constant__ Operands p) {
  if constexpr (!kHasBf16Mma && std::is_same_v<T, __nv_bfloat16>) {
    __trap();
    return;
  }
  constexpr int kWarpPixels = 32;
  constexpr int kRowTiles = kWarpPixels / 16;
  constexpr int kFilterTiles = kFilters / 8;
  constexpr int kRows = 2 * kRowTiles;  // pixels of a thread
  constexpr unsigned kAll = 0xFFFFFFFFU;
  extern __shared__ __align__(16) unsigned char memory[];
  T* const ws = reinterpret_cast<T*>(memory);
  T* const xs = ws + kColumns * kPitch;  // of two tiles
  const T* const x = static_cast<const T*>(p.x);
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int warp_row = warp % (kPixels / kWarpPixels) * kWarpPixels;
  const int u = warp / (kPixels / kWarpPixels);  // line of the taps
  const int warp_column = u * kStride * kFilters;
  const int mask = lane % kMasks;
  load_rows(static_cast<const T*>(p.w), 0, p.channels, ws);
  load_rows(x, static_cast<Index>(blockIdx.x) * kPixels, p.channels, xs);
  commit_copies();
  int stage = 0;
  for (std::uint32_t tile = blockIdx.x; tile < p.tiles; tile += gridDim.x) {
    wait_for_copies<0>();
    __syncthreads();  // all have read the other stage, too
    const T* const pixels = xs + stage * kPixels * kPitch;
    stage ^= 1;
    if (tile + gridDim.x < p.tiles) {
      load_rows(x, static_cast<Index>(tile + gridDim.x) * kPixels, p.channels,
                xs + stage * kPixels * kPitch);
    }
    commit_copies();

    float sums[kRowTiles][kStride * kFilterTiles][4] = {};
#pragma unroll
    for (int k = 0; k < kDepth; k += 16) {
      std::uint32_t left[kRowTiles][4];
#pragma unroll
      for (int i = 0; i < kRowTiles; ++i) {
        load_matrices(left[i], shared_address(pixels + (warp_row + i * 16 + lane % 16) * kPitch +
                                              k + lane / 16 * 8));
      }
#pragma unroll
      for (int j = 0; j < kStride * kFilterTiles; j += 2) {
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

    // A thread has filters 2 (lane % 4) and the next one of each 8, of pixels lane / 4 of each 8.
    // Its parts of the masks' sums are added to those of its three neighbours, each of which keeps
    // one mask.
    const std::uint32_t image = p.tiles_of_image.quotient(tile);
    const float* const a = p.a + static_cast<Index>(image) * p.masks * kFilters + lane % 4 * 2;
    float results[kRows][kStride];
#pragma unroll
    for (int v = 0; v < kStride; ++v) {
      float parts[kRows][kMasks] = {};
#pragma unroll
      for (int j = 0; j < kFilterTiles; ++j) {
        const float2 bias = *reinterpret_cast<const float2*>(p.bias + j * 8 + lane % 4 * 2);
        float2 factors[kMasks];
#pragma unroll
        for (int m = 0; m < kMasks; ++m) {
          factors[m] = make_float2(0, 0);
          if (m < p.masks) {
            factors[m] = *reinterpret_cast<const float2*>(a + m * kFilters + j * 8);
          }
        }
#pragma unroll
        for (int i = 0; i < kRows; ++i) {
          const float(&sum)[4] = sums[i / 2][v * kFilterTiles + j];
          const float first = activate(graph::Activation::kGelu, sum[i % 2 * 2] + bias.x);
          const float second = activate(graph::Activation::kGelu, sum[i % 2 * 2 + 1] + bias.y);
#pragma unroll
          for (int m = 0; m < kMasks; ++m) {
            parts[i][m] = fmaf(first, factors[m].x, parts[i][m]);
            parts[i][m] = fmaf(second, factors[m].y, parts[i][m]);
          }
        }
      }
      const bool upper = (lane & 2) != 0;
      const bool odd = (lane & 1) != 0;
#pragma unroll
      for (int i = 0; i < kRows; ++i) {
        float pair[2];
#pragma unroll
        for (int m = 0; m < 2; ++m) {
          const float give = upper ? parts[i][m] : parts[i][m + 2];
          const float keep = upper ? parts[i][m + 2] : parts[i][m];
          pair[m] = keep + __shfl_xor_sync(kAll, give, 2);
        }
        results[i][v] =
            (odd ? pair[1] : pair[0]) + __shfl_xor_sync(kAll, odd ? pair[0] : pair[1], 1);
      }
    }
    if (mask >= p.masks) continue;
    const std::uint32_t first_pixel = (tile - image * p.tiles_of_image.divisor) * kPixels;
    const Index area = static_cast<Index>(p.tiles_of_image.divisor) * kPixels;
    float* const y =
        p.y + (static_cast<Index>(image) * p.masks + mask) * (kStride * kStride * area);
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      const std::uint32_t pixel = first_pixel + warp_row + i * 8 + lane / 4;
      const std::uint32_t line = p.width.quotient(pixel);
      const std::uint32_t column = pixel - line * p.width.divisor;
      const Index at =
          static_cast<Index>(line * kStride + u) * (kStride * p.width.divisor) + kStride * column;
      *reinterpret_cast<float2*>(y + at) = make_float2(results[i][0], results[i][1]);
    }
  }
}

}  // namespace

const char* refused_by_mma(const UpscaledProductProblem& problem) {
  const ConvTranspose2dProblem& p = problem.image;
  if (!is_half(p.weights) || p.input != p.weights) return "other than float16 or bfloat16";
  if (p.stride != kStride || p.filters != kFilters) return "other than 32 filters at stride 2";
  if (p.channels % kVector != 0 || p.channels == 0 || p.channels > kDepth) {
    return "other than 8, 16, ... 64 channels";
  }
  if (p.activation != graph::Activation::kGelu) return "another activation than GELU";
  if (problem.rows < 1 || problem.rows > kMasks) return "other than 1 to 4 rows";
  if (p.height * p.width % kPixels != 0) return "images other than of multiples of 128 pixels";
  return p.batch * p.height * p.width > INT32_MAX ? "more than 2^31 pixels" : nullptr;
}

void prepare_upscaled_product(DType weights) {
  allow_shared_memory(weights == DType::kF16
                          ? reinterpret_cast<const void*>(upscaled_product<__half>)
                          : reinterpret_cast<const void*>(upscaled_product<__nv_bfloat16>));
}

void run_upscaled_product(const UpscaledProductProblem& problem, int multiprocessors,
                          const KernelArgs& args, const float* bias) {
  const ConvTranspose2dProblem& p = problem.image;
  const Index tiles_of_image = p.height * p.width / kPixels;
  const Index tiles = p.batch * tiles_of_image;
  if (tiles == 0) return;
  const Operands operands{.x = args.inputs[1],
                          .w = args.packed,
                          .bias = bias,
                          .a = static_cast<const float*>(args.inputs[0]),
                          .y = static_cast<float*>(args.outputs[0]),
                          .channels = static_cast<int>(p.channels),
                          .masks = static_cast<int>(problem.rows),
                          .tiles = static_cast<std::uint32_t>(tiles),
                          .tiles_of_image = Divider<std::uint32_t>(tiles_of_image),
                          .width = Divider<std::uint32_t>(p.width)};
  const Index resident = Index{2} * std::max(multiprocessors, 1);
  launch("upscaled_product",
         p.weights == DType::kF16 ? upscaled_product<__half> : upscaled_product<__nv_bfloat16>,
         static_cast<unsigned>(std::min(tiles, resident)), kThreads, kSharedBytes, args, operands);
}

}  // namespace lasso::kernels::gpu
