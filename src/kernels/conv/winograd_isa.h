// The inner parts of Winograd's convolutions, which each instruction set has of its own. Nothing
// here makes code: files compiled for AVX-512 include it.
#ifndef LASSO_KERNELS_CONV_WINOGRAD_ISA_H_
#define LASSO_KERNELS_CONV_WINOGRAD_ISA_H_

#include <cstdint>

#include "graph/op.h"

namespace lasso::kernels {

// A tile of 4 x 4 pixels of the result is made of 6 x 6 of the image.
constexpr int kWinogradResult = 4;
constexpr int kWinogradImage = 6;
constexpr int kWinogradPositions = kWinogradImage * kWinogradImage;

// The image under a tile, transformed: v[position * step + c] for c < channels.
struct WinogradImageTile {
  const void* pixels[kWinogradPositions] = {};  // of float32, or bfloat16
  bool bf16 = false;
  std::int64_t channels = 0;
  float* v = nullptr;
  std::int64_t step = 0;
};

// Some columns of a tile of the result, of their sums m[position * step + column].
struct WinogradResultTile {
  const float* m = nullptr;
  std::int64_t step = 0;
  int columns = 0;
  const float* bias = nullptr;                      // [columns]
  void* y[kWinogradResult * kWinogradResult] = {};  // as pixels; null: outside of the result
  bool bf16 = false;
  graph::Activation activation = graph::Activation::kNone;
};

void winograd_image_avx2(const WinogradImageTile& tile);
void winograd_image_avx512(const WinogradImageTile& tile);
void winograd_result_avx2(const WinogradResultTile& tile);
void winograd_result_avx512(const WinogradResultTile& tile);

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CONV_WINOGRAD_ISA_H_
