#include "kernels/cpu/product_bf16.h"

namespace lasso::kernels::bf16 {

std::int64_t block_rows(const Product& p) {
  constexpr std::int64_t kBlockElements = std::int64_t{224} << 10U;
  const std::int64_t tiles = kBlockElements / std::max<std::int64_t>(p.k * kMaxTileRows, 1);
  return std::clamp<std::int64_t>(tiles, 1, 20) * kMaxTileRows;
}

std::size_t scratch_bytes(const Product& p) {
  const auto bytes = [](std::int64_t elements) {
    return align_up(static_cast<std::size_t>(elements) * sizeof(std::uint16_t));
  };
  return bytes(kMaxTileRows * p.k) + bytes(std::min(block_rows(p), p.rows) * (p.k + p.k % 2));
}

Range product_range(const Product& p, int thread, int threads) {
  const std::int64_t panels = p.weights * panel_count(p.n);
  const bool by_panels = p.rows < 4 * kMaxTileRows * threads && panels >= threads;
  const std::int64_t count = by_panels ? panels : p.rows;
  const std::int64_t begin = count * thread / threads;
  const std::int64_t end = count * (thread + 1) / threads;
  if (by_panels) return {0, p.rows, begin, end};
  return {begin, end, 0, panels};
}

bool product_is_large(const Product& p) {
  // To start and to join a team costs some microseconds, in which one core does a megaflop.
  return p.rows * p.n * p.k * p.weights >= 500'000;
}

}  // namespace lasso::kernels::bf16
