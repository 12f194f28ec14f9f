// The rows of window_attention_mma.cuh: what they take, and which tiling computes it.
#ifndef LASSO_KERNELS_ATTENTION_WINDOW_ATTENTION_MMA_ROWS_CUH_
#define LASSO_KERNELS_ATTENTION_WINDOW_ATTENTION_MMA_ROWS_CUH_

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "kernels/attention/window_attention_mma.cuh"

namespace lasso::kernels::gpu {

namespace {

// The columns of a row of keys: windows and grids of up to 16 tokens a side, or up to 64.
inline constexpr int kNarrow = 16;
inline constexpr int kWide = 64;

inline int columns_for(const Windows& windows) {
  return std::max(windows.side_h, windows.side_w) <= kNarrow ? kNarrow : kWide;
}

// For a type, and widths of a head up to `widest`.
inline Offer offer_mma(const WindowAttentionProblem& p, DType dtype, int widest) {
  if (std::string reason = check_problem(p); !reason.empty()) return Offer::no(std::move(reason));
  if (p.dtype != dtype) return Offer::no("another type than " + std::string(to_string(dtype)));
  const Windows windows(p);
  if (std::max(windows.side_h, windows.side_w) > kWide) {
    return Offer::no("windows of more than 64 tokens a side");
  }
  if (p.head_dim % 16 != 0 || p.head_dim > widest) {
    return Offer::no("a head's width that is no multiple of 16, or more than " +
                     std::to_string(widest));
  }
  // Position terms are divided by it.
  if (!(p.scale >= 0x1p-20F && p.scale <= 0x1p20F))
    return Offer::no("a scale that is not positive");
  // Blocks have at least 64 queries, and are numbered by 31 bits.
  const std::int64_t blocks = p.batch * windows.down * windows.across * p.heads *
                              (windows.side_h * windows.side_w / 64 + 1);
  if (blocks > INT32_MAX || p.height * p.width > INT32_MAX / 2 ||
      p.heads * p.head_dim > INT32_MAX / 3) {
    return Offer::no("more than 2^31 blocks, tokens or channels");
  }
  return {};
}

// The kernel of a tiling.
template <typename S>
void use_tiling(WindowState& state, void (*kernel)(WindowParameters)) {
  state.use("window_attention", kernel, S::kThreads, S::kSharedBytes, S::kQueries);
}

template <typename T, typename S>
void use_mma(WindowState& state) {
  use_tiling<S>(state, window_attention_mma<T, S>);
}

// The state for a problem, with a tiling by choose(state, columns, head_dim).
template <typename F>
std::unique_ptr<KernelState> create_mma(const WindowAttentionProblem& p, const F& choose) {
  auto state = std::make_unique<WindowState>(p);
  choose(*state, columns_for(Windows(p)), static_cast<int>(p.head_dim));
  return state;
}

template <typename T>
std::unique_ptr<KernelState> create_mma_of(const WindowAttentionProblem& problem,
                                           const TargetInfo& /*target*/, const Offer& /*offer*/) {
  return create_mma(problem, [](WindowState& state, int columns, int head_dim) {
    if (columns == kNarrow) {
      if (head_dim <= 32) return use_mma<T, Tiling<32, kNarrow, 1, 7, 32, 7, 2>>(state);
      if (head_dim <= 64) return use_mma<T, Tiling<64, kNarrow, 1, 7, 32, 7, 2>>(state);
      if (head_dim <= 80) return use_mma<T, Tiling<80, kNarrow, 1, 7, 32, 7, 2>>(state);
      return use_mma<T, Tiling<128, kNarrow, 1, 7, 32, 4, 1>>(state);
    }
    if (head_dim <= 32) return use_mma<T, Tiling<32, kWide, 2, 4, 64, 3, 2>>(state);
    if (head_dim <= 64) return use_mma<T, Tiling<64, kWide, 2, 4, 64, 3, 2>>(state);
    if (head_dim <= 80) return use_mma<T, Tiling<80, kWide, 2, 4, 64, 3, 2>>(state);
    return use_mma<T, Tiling<128, kWide, 1, 4, 64, 2, 1>>(state);
  });
}

}  // namespace

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_ATTENTION_WINDOW_ATTENTION_MMA_ROWS_CUH_
