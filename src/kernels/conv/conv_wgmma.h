// Convolutions as products of windows, which are never written to memory, by filters, on sm_90a:
// what the row asks of the GPU's code.
#ifndef LASSO_KERNELS_CONV_CONV_WGMMA_H_
#define LASSO_KERNELS_CONV_CONV_WGMMA_H_

#include <cuda.h>

#include <iterator>

#include "kernels/conv/conv_sums.h"

namespace lasso::kernels::gpu {

// A block computes `rows` pixels of the result by `columns` filters, or a part of their sums where
// the blocks of a cluster share these; `blocks` of them find room on a multiprocessor.
struct ConvTile {
  int rows, columns;
  int splitting;
  int blocks;
};

// What there are kernels for; those of 32 channels in a step are the first kNarrowTiles.
inline constexpr ConvTile kConvTiles[] = {{128, 128, 1, 2}, {128, 64, 1, 3}, {64, 64, 1, 4},
                                          {128, 256, 1, 1}, {64, 64, 2, 3},  {64, 128, 2, 2},
                                          {64, 128, 4, 2}};
inline constexpr int kConvTileCount = static_cast<int>(std::size(kConvTiles));
inline constexpr int kNarrowTiles = 3;

// Of images whose channels are joined.
inline constexpr int kMostImages = 8;

struct ConvParameters : ConvResult, ConvWindows {
  CUtensorMap x[kMostImages];
  CUtensorMap w;
  int image_steps[kMostImages];  // of a tap, for each image; together steps_of_tap
  int out_h, out_w;
  int steps, steps_of_tap;  // of 32 or 64 channels
};

// By kConvTiles[tile] and steps of `channels`.
void run_conv_wgmma_bf16(const ConvParameters& parameters, const KernelArgs& args, int tile,
                         int channels, int multiprocessors);
void run_conv_wgmma_fp16(const ConvParameters& parameters, const KernelArgs& args, int tile,
                         int channels, int multiprocessors);

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_CONV_CONV_WGMMA_H_
