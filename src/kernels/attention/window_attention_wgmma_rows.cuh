// The rows of window_attention_wgmma.cuh: what they take, and which tiling computes it.
#ifndef LASSO_KERNELS_ATTENTION_WINDOW_ATTENTION_WGMMA_ROWS_CUH_
#define LASSO_KERNELS_ATTENTION_WINDOW_ATTENTION_WGMMA_ROWS_CUH_

#include "kernels/attention/window_attention_mma_rows.cuh"
#include "kernels/attention/window_attention_wgmma_windows.cuh"

namespace lasso::kernels::gpu {

namespace {

inline Offer offer_wgmma(const WindowAttentionProblem& p, const TargetInfo& target, DType dtype,
                         bool narrow) {
  if (!target.warp_groups) return Offer::no("no products of warp groups, which are sm_90a's");
  if (p.head_dim != 64 && p.head_dim != 80) return Offer::no("a head's width other than 64 and 80");
  Offer offer = offer_mma(p, dtype, 80);
  if (!offer) return offer;
  if ((columns_for(Windows(p)) == kNarrow) != narrow) return Offer::no("another size of windows");
  if (!narrow && p.window != 0) return Offer::no("windows of more than 16 tokens a side");
  return offer;
}

// Three groups of 64 queries: the grids of ViT-B and ViT-H take fewest waves so (169 and 270 us on
// an H200; with two groups 190 and 291).
template <typename T>
std::unique_ptr<KernelState> create_wgmma(const WindowAttentionProblem& problem,
                                          const TargetInfo& /*target*/, const Offer& /*offer*/) {
  return create_mma(problem, [](WindowState& state, int /*columns*/, int head_dim) {
    using Narrower = GroupTiling<64, 3, 64, false>;
    using Wider = GroupTiling<80, 3, 16, true>;
    if (head_dim == 64) return use_tiling<Narrower>(state, window_attention_wgmma<T, Narrower>);
    return use_tiling<Wider>(state, window_attention_wgmma<T, Wider>);
  });
}

template <typename T>
std::unique_ptr<KernelState> create_wgmma_windows(const WindowAttentionProblem& problem,
                                                  const TargetInfo& /*target*/,
                                                  const Offer& /*offer*/) {
  return create_mma(problem, [](WindowState& state, int /*columns*/, int head_dim) {
    using Narrower = WindowTiling<64, 64, false>;
    using Wider = WindowTiling<80, 16, true>;
    if (head_dim == 64) {
      return use_tiling<Narrower>(state, window_attention_wgmma_windows<T, Narrower>);
    }
    return use_tiling<Wider>(state, window_attention_wgmma_windows<T, Wider>);
  });
}

template <typename T>
inline constexpr DType kTypeOf = std::is_same_v<T, __half> ? DType::kF16 : DType::kBF16;

template <typename T>
Kernel<WindowAttentionProblem> wgmma_row(const char* name) {
  const auto offer = [](const WindowAttentionProblem& p, const TargetInfo& target) {
    return offer_wgmma(p, target, kTypeOf<T>, false);
  };
  return {name, Needs::gpu(90), offer, nullptr, create_wgmma<T>, run_window};
}

template <typename T>
Kernel<WindowAttentionProblem> wgmma_windows_row(const char* name) {
  const auto offer = [](const WindowAttentionProblem& p, const TargetInfo& target) {
    return offer_wgmma(p, target, kTypeOf<T>, true);
  };
  return {name, Needs::gpu(90), offer, nullptr, create_wgmma_windows<T>, run_window};
}

}  // namespace

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_ATTENTION_WINDOW_ATTENTION_WGMMA_ROWS_CUH_
