// Convolutions on tensor cores of sm_90a, as products y [pixels, filters] of windows by filters.
//
// YOLOv7's 3x3 convolution of 16 images [40, 40, 256] by 256 filters is 30 GFLOP, 38 us of an
// H200's 790 TFLOP/s, and moves 27 MB, 6 us of 4.3 TB/s. Windows overlap nine times, so that a
// tile's factors come from the second cache: a tile of 128 pixels by 128 filters takes 32 KiB for 2
// MFLOP. A multiprocessor gets about 48 bytes a clock (measured), 690 clocks for what its tensor
// cores multiply in 512; with 256 filters 48 KiB, and as many clocks as the products take. Blocks
// that share a copy do not help: their multiprocessors get as many bytes.
//
// One warp starts copies, which the GPU's own unit carries out: of a step, 64 channels of one tap
// for all pixels of the tile, with zeros outside of the image, and of that tap's filters. Groups of
// four warps multiply 64 pixels each. Blocks go through tiles; while one of a multiprocessor
// finishes results, another one multiplies. Where there are fewer tiles than multiprocessors,
// blocks of a cluster take a part of the sums each, and of them all a part of the columns.
#ifndef LASSO_KERNELS_CONV_CONV_WGMMA_CUH_
#define LASSO_KERNELS_CONV_CONV_WGMMA_CUH_

#include <algorithm>

#include "kernels/conv/conv_result.cuh"
#include "kernels/conv/conv_wgmma.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/tensor_copies.cuh"
#include "kernels/cuda/wgmma_wide.cuh"

namespace lasso::kernels::gpu {

namespace {

// A tile of kConvTiles, with steps of Width channels.
template <int Tile, int Width>
struct ConvTiling {
  static constexpr int kRows = kConvTiles[Tile].rows;
  static constexpr int kColumns = kConvTiles[Tile].columns;
  static constexpr int kWidth = Width;
  static constexpr int kSplitting = kConvTiles[Tile].splitting;
  static constexpr int kBlocks = kConvTiles[Tile].blocks;
  static constexpr int kGroups = kRows / 64;
  static constexpr int kGroupThreads = 128 * kGroups;
  static constexpr int kThreads = kGroupThreads + 32;
  static constexpr int kRowBytes = 2 * kRows * Width;
  static constexpr int kStageBytes = kRowBytes + 2 * kColumns * Width;
  static constexpr int kMostBytes = 224 * 1024 / kBlocks - 2048;
  static constexpr int kStages = std::min(kMostBytes / kStageBytes, 8);
  // From a multiple of 1024 on; stages, then their barriers.
  static constexpr int kSharedBytes = 1024 + kStages * kStageBytes + 2 * kStages * 8;
  // Numbers of a row that warps exchange, with what keeps rows in different banks.
  static constexpr int kRunPitch = 40;
  static_assert(kStages >= 3 && kColumns / kSplitting % 32 == 0);
  static_assert(kSplitting == 1 || 4 * kRows * kColumns <= kStages * kStageBytes);
  static_assert(kGroupThreads / 32 * 8 * kRunPitch * 4 <= kStageBytes);
};

// The ring of stages: filled[] ends a phase when a step's copies are there, released[] when all
// groups that the copies go to have read them.
template <typename S>
struct ConvRing {
  unsigned char* memory;
  std::uint32_t stages;  // its address
  std::uint64_t* filled;
  std::uint64_t* released;
  int stage = 0;
  int parity = 0;

  __device__ __forceinline__ void proceed() {
    if (++stage == S::kStages) {
      stage = 0;
      parity ^= 1;
    }
  }
  __device__ __forceinline__ std::uint32_t rows() const { return stages + stage * S::kStageBytes; }
  __device__ __forceinline__ std::uint32_t columns() const { return rows() + S::kRowBytes; }
};

struct Steps {
  int begin, end;
};

// The part of a block's sums.
template <typename S>
__device__ __forceinline__ Steps steps_of(const ConvParameters& p, int block) {
  if constexpr (S::kSplitting == 1) {
    return {0, p.steps};
  } else {
    return {p.steps * block / S::kSplitting, p.steps * (block + 1) / S::kSplitting};
  }
}

// Starts the copies of a tile, one thread.
template <typename S>
__device__ __forceinline__ void copy_tile(const ConvParameters& p, ConvRing<S>& ring, int row,
                                          int column, Steps steps) {
  const int line = row / p.out_w;
  WindowPlace at;
  at.image = line / p.out_h;
  at.row = (line - at.image * p.out_h) * p.stride_h - p.top;
  at.column = (row - line * p.out_w) * p.stride_w - p.left;
  int tap = steps.begin / p.steps_of_tap;
  int part = steps.begin - tap * p.steps_of_tap;  // of the tap
  int image = 0;
  int image_part = part;
  const auto skip_images = [&] {
    while (image_part >= p.image_steps[image]) image_part -= p.image_steps[image++];
  };
  skip_images();
  int u = tap / p.kernel_w;
  int v = tap - u * p.kernel_w;
  for (int step = steps.begin; step < steps.end; ++step) {
    std::uint64_t* const filled = ring.filled + ring.stage;
    wait_at(ring.released + ring.stage, ring.parity ^ 1);
    expect_bytes(filled, S::kStageBytes);
    at.channel = image_part * S::kWidth;
    at.u = static_cast<unsigned short>(u * p.dilation_h);
    at.v = static_cast<unsigned short>(v * p.dilation_w);
    copy_windows(ring.rows(), p.x + image, at, filled);
    copy_box(ring.columns(), &p.w, part * S::kWidth, tap, column, filled);
    ring.proceed();
    ++image_part;
    if (++part < p.steps_of_tap) {
      skip_images();
      continue;
    }
    part = image = image_part = 0;
    ++tap;
    if (++v == p.kernel_w) {
      v = 0;
      ++u;
    }
  }
}

// One thread of each group tells that the group has read a stage.
template <typename S>
__device__ __forceinline__ void release_stage(const ConvRing<S>& ring, int stage) {
  if (threadIdx.x % 128 == 0) arrive_at(ring.released + stage);
}

// This thread's sums of a tile, as those of multiply_rows(). Returns the last stage, which is not
// released yet; -1 where there are no steps.
template <typename T, typename S>
__device__ __forceinline__ int multiply_tile(ConvRing<S>& ring, Steps steps,
                                             float (&d)[S::kColumns / 2]) {
  const int group = static_cast<int>(threadIdx.x) / 128;
#pragma unroll
  for (float& sum : d) sum = 0;
  int last = -1;
#pragma unroll 1
  for (int step = steps.begin; step < steps.end; ++step) {
    wait_at(ring.filled + ring.stage, ring.parity);
    begin_products();
    const std::uint32_t rows = ring.rows() + group * (128 * S::kWidth);
    const std::uint32_t columns = ring.columns();
#pragma unroll
    for (int k = 0; k < S::kWidth / 16; ++k) {
      multiply_wide_rows<T, S::kColumns>(d, describe_matrix<S::kWidth>(rows + 32 * k, 16),
                                         describe_matrix<S::kWidth>(columns + 32 * k, 16));
    }
    commit_products();
    wait_for_products<1>();
    if (last >= 0) release_stage(ring, last);
    last = ring.stage;
    ring.proceed();
  }
  wait_for_products<0>();
  hold(d);
  return last;
}

// Waits for all groups, not for the warp that copies.
template <typename S>
__device__ __forceinline__ void synchronize_groups() {
  asm volatile("bar.sync 1, %0;" ::"n"(S::kGroupThreads) : "memory");
}

// The sums of all blocks of the cluster, of this block's part of the columns; in the same order
// always.
template <typename S>
__device__ __forceinline__ void gather_sums(const float (&d)[S::kColumns / 2], std::uint32_t memory,
                                            int block,
                                            float (&sums)[S::kColumns / S::kSplitting / 2]) {
  constexpr int kThreads = S::kGroupThreads;
  const std::uint32_t own = memory + 16 * threadIdx.x;
  synchronize_groups<S>();  // all have read the stages
#pragma unroll
  for (int i = 0; i < S::kColumns / 8; ++i) {
    asm volatile("st.shared.v4.f32 [%0], {%1, %2, %3, %4};" ::"r"(own + i * 16 * kThreads),
                 "f"(d[4 * i]), "f"(d[4 * i + 1]), "f"(d[4 * i + 2]), "f"(d[4 * i + 3])
                 : "memory");
  }
  synchronize_cluster();
#pragma unroll
  for (float& sum : sums) sum = 0;
  constexpr int kParts = S::kColumns / S::kSplitting / 8;
#pragma unroll
  for (int other = 0; other < S::kSplitting; ++other) {
#pragma unroll
    for (int i = 0; i < kParts; ++i) {
      const float4 x = load_from_block(own + (block * kParts + i) * 16 * kThreads, other);
      sums[4 * i] += x.x;
      sums[4 * i + 1] += x.y;
      sums[4 * i + 2] += x.z;
      sums[4 * i + 3] += x.w;
    }
  }
}

// Stores results where rows are no multiples of 16 bytes: a warp exchanges numbers in `memory`, to
// store 32 of a row at once.
template <typename T, typename S, int Count>
__device__ __forceinline__ void store_numbers(const ConvParameters& p, int row, int column,
                                              const float (&d)[Count], float* memory) {
  constexpr int kPitch = S::kRunPitch;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  float* const own = memory + static_cast<int>(threadIdx.x) / 32 * (8 * kPitch);
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int first = row + static_cast<int>(threadIdx.x) % 128 / 32 * 16 + half * 8;
#pragma unroll
    for (int n = 0; n < Count / 4; n += 4) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float* const x = d + 4 * (n + i) + 2 * half;
        *reinterpret_cast<float2*>(own + lane / 4 * kPitch + 8 * i + lane % 4 * 2) = {x[0], x[1]};
      }
      __syncwarp();
      const int filter = column + 8 * n + lane;
      for (int r = 0; r < 8; ++r) {
        if (first + r >= p.pixels || filter >= p.filters) break;
        const Index at = static_cast<Index>(first + r) * p.filters + filter;
        const float x = own[r * kPitch + lane];
        if (p.half_result) {
          static_cast<T*>(p.y)[at] = from_float<T>(x);
        } else {
          static_cast<float*>(p.y)[at] = x;
        }
      }
      __syncwarp();
    }
  }
}

// Finishes and stores sums; `stage` of the ring is released once nobody needs it.
template <typename T, typename S, int Count>
__device__ __forceinline__ void finish_tile(const ConvParameters& p, const ConvRing<S>& ring,
                                            int stage, int row, int column, float (&d)[Count]) {
  const bool vectors = p.filters % (p.half_result ? 8 : 4) == 0;
  if (vectors && stage >= 0) release_stage(ring, stage);
  finish_sums(p, column, d);
  if (!vectors) {
    synchronize_groups<S>();
    unsigned char* const memory = ring.memory + max(stage, 0) * S::kStageBytes;
    store_numbers<T, S>(p, row, column, d, reinterpret_cast<float*>(memory));
    publish_to_products();  // so that copies come after it
    synchronize_groups<S>();
    if (stage >= 0) release_stage(ring, stage);
  } else {
    store_vectors<T>(p, row, column, d);
  }
}

template <typename T, typename S>
__global__ void __launch_bounds__(S::kThreads, S::kBlocks)
    conv_wgmma(const __grid_constant__ ConvParameters p) {
  if constexpr (!kHasWarpGroups) {
    __trap();
    return;
  }
  extern __shared__ unsigned char shared[];
  unsigned char* const stages = shared + (1024 - shared_address(shared) % 1024) % 1024;
  auto* const barriers = reinterpret_cast<std::uint64_t*>(stages + S::kStages * S::kStageBytes);
  ConvRing<S> ring{stages, shared_address(stages), barriers, barriers + S::kStages};
  if (threadIdx.x == 0) {
    for (int i = 0; i < S::kStages; ++i) {
      make_barrier(ring.filled + i, 1);
      make_barrier(ring.released + i, S::kGroups);
    }
    publish_barriers();
  }
  __syncthreads();

  const int block = static_cast<int>(blockIdx.x) % S::kSplitting;
  const int columns = (p.filters + S::kColumns - 1) / S::kColumns;
  const int rows = (p.pixels + S::kRows - 1) / S::kRows;
  const int clusters = static_cast<int>(gridDim.x) / S::kSplitting;
  const Steps steps = steps_of<S>(p, block);
  const int first = static_cast<int>(blockIdx.x) / S::kSplitting;
  if (threadIdx.x >= S::kGroupThreads) {
    if (threadIdx.x % 32 == 0) {
      for (int tile = first; tile < rows * columns; tile += clusters) {
        copy_tile<S>(p, ring, tile / columns * S::kRows, tile % columns * S::kColumns, steps);
      }
    }
    __syncwarp();
    if constexpr (S::kSplitting > 1) synchronize_cluster();
  } else {
    for (int tile = first; tile < rows * columns; tile += clusters) {
      const int row = tile / columns * S::kRows + static_cast<int>(threadIdx.x) / 128 * 64;
      const int column = tile % columns * S::kColumns;
      float d[S::kColumns / 2];
      const int stage = multiply_tile<T, S>(ring, steps, d);
      if constexpr (S::kSplitting == 1) {
        finish_tile<T>(p, ring, stage, row, column, d);
      } else {
        constexpr int kPart = S::kColumns / S::kSplitting;
        float sums[kPart / 2];
        gather_sums<S>(d, ring.stages, block, sums);
        synchronize_cluster();  // all have their sums: the stages are this block's again
        finish_tile<T>(p, ring, -1, row, column + block * kPart, sums);
      }
    }
  }
  if constexpr (S::kSplitting > 1) {
    if (threadIdx.x >= S::kGroupThreads) synchronize_cluster();
  }
}

template <typename T, int Tile, int Width>
void launch_conv(const ConvParameters& p, const KernelArgs& args, int multiprocessors) {
  using S = ConvTiling<Tile, Width>;
  static const bool allowed = [] {
    allow_shared_memory(reinterpret_cast<const void*>(conv_wgmma<T, S>));
    return true;
  }();
  static_cast<void>(allowed);
  const Index columns = (p.filters + S::kColumns - 1) / S::kColumns;
  const Index rows = (p.pixels + S::kRows - 1) / S::kRows;
  // With parts of sums a block has one tile, whose stages the sums go to.
  const Index most = S::kSplitting > 1 ? rows * columns : Index{multiprocessors} * S::kBlocks;
  cudaLaunchConfig_t config = {};
  config.gridDim = static_cast<unsigned>(std::min(rows * columns, most) * S::kSplitting);
  config.blockDim = S::kThreads;
  config.dynamicSmemBytes = S::kSharedBytes;
  config.stream = cuda::stream_of(args).handle();
  cudaLaunchAttribute cluster = {};
  cluster.id = cudaLaunchAttributeClusterDimension;
  cluster.val.clusterDim = {S::kSplitting, 1, 1};
  config.attrs = &cluster;
  config.numAttrs = 1;
  cuda::check(cudaLaunchKernelEx(&config, conv_wgmma<T, S>, p), "conv2d");
}

template <typename T>
void run_conv_wgmma(const ConvParameters& p, const KernelArgs& args, int tile, int channels,
                    int multiprocessors) {
  static_assert(kNarrowTiles == 3 && kConvTileCount == 7);
  using Launch = void (*)(const ConvParameters&, const KernelArgs&, int);
  static constexpr Launch kNarrow[] = {launch_conv<T, 0, 32>, launch_conv<T, 1, 32>,
                                       launch_conv<T, 2, 32>};
  static constexpr Launch kWide[] = {
      launch_conv<T, 0, 64>, launch_conv<T, 1, 64>, launch_conv<T, 2, 64>, launch_conv<T, 3, 64>,
      launch_conv<T, 4, 64>, launch_conv<T, 5, 64>, launch_conv<T, 6, 64>};
  (channels == 32 ? kNarrow : kWide)[tile](p, args, multiprocessors);
}

}  // namespace

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_CONV_CONV_WGMMA_CUH_
