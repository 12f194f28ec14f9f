// The product of bfloat16 matrices with packed weights: the layout of the weights, and the inner
// part that files compiled for AVX-512 BF16 have.
//
// VDPBF16PS adds the products of 16 pairs of bfloat16 numbers to 16 float32 sums, so that both
// factors lie in pairs along k.
#ifndef LASSO_KERNELS_GEMM_BF16_PRODUCT_BF16_H_
#define LASSO_KERNELS_GEMM_BF16_PRODUCT_BF16_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "kernels/gemm_bf16/gemm_bf16.h"

namespace lasso::kernels::bf16 {

// The packed form of W [n, k] with a bias [n]: panels of 64 rows of W, each as [k'/2, 64, 2] with
// k' = k rounded up to 32, all padded with zeros; then the bias, padded to the panels. It is
// oneDNN's layout BA16a64b2a, so that its kernels read the same bytes.
constexpr std::int64_t kPanel = 64;
constexpr std::int64_t kPanelDepth = 32;
constexpr std::string_view kPanelLayout = "bf16 W [n/64, k/32, 16, 64, 2], b f32 [n/64, 64]";

constexpr std::int64_t panel_count(std::int64_t n) { return (n + kPanel - 1) / kPanel; }
// Elements of a panel.
constexpr std::int64_t panel_size(std::int64_t k) {
  return (k + kPanelDepth - 1) / kPanelDepth * kPanelDepth * kPanel;
}
constexpr std::int64_t panel_elements(std::int64_t n, std::int64_t k) {
  return panel_count(n) * panel_size(k);
}

// Size and name of the packed weights; cost and workspace are left to the kernel.
KernelPlan plan_packed(const LinearBf16Problem& problem);
void pack(const LinearBf16Problem& problem, const std::vector<TensorView>& constants,
          std::byte* packed);

constexpr int kMaxTileRows = 12;

// A few rows of y in one panel.
struct Tile {
  int rows = 0;
  int columns = 0;                         // of the panel that exist
  std::int64_t pairs = 0;                  // along k
  const std::uint16_t* a = nullptr;        // [pairs, rows, 2]
  const std::uint16_t* weights = nullptr;  // [pairs, 64, 2]
  const float* bias = nullptr;             // [64]
  // At the first row and the panel's first column; float32 or bfloat16.
  void* y = nullptr;
  const float* residual = nullptr;  // null: none
  std::int64_t stride = 0;          // from row to row of y and of the residual
  bool bf16_output = false;
  graph::Activation activation = graph::Activation::kNone;
  // What to ask for meanwhile: a part of the next panel.
  const std::uint16_t* ahead = nullptr;
  std::int64_t ahead_size = 0;
};

struct Entry {
  // x [rows, k] as [pairs, rows, 2], the last pair filled up with zero where k is odd.
  void (*pack_rows)(const std::uint16_t* x, int rows, std::int64_t k, std::uint16_t* out);
  void (*run)(const Tile& tile);
};
extern const Entry kAvx512Bf16;

}  // namespace lasso::kernels::bf16

#endif  // LASSO_KERNELS_GEMM_BF16_PRODUCT_BF16_H_
