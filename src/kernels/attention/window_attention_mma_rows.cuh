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
  if (std::string reason = check_sizes(p); !reason.empty()) return Offer::no(std::move(reason));
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

// The parameters but for the pointers.
class MmaState : public KernelState {
 public:
  TensorParameters parameters = {};
  bool has_rel = false;
  bool has_pad = false;
  std::int64_t blocks = 0;
  void (*kernel)(TensorParameters) = nullptr;
  int threads = 0;
  std::size_t shared_bytes = 0;

  template <typename T, typename S>
  void use() {
    kernel = window_attention_mma<T, S>;
    threads = S::kThreads;
    shared_bytes = S::kSharedBytes;
    allow_shared_memory(reinterpret_cast<const void*>(kernel));
    parameters.query_blocks = (parameters.query_blocks + S::kQueries - 1) / S::kQueries;
  }
};

// The state for a problem, with a tiling by choose(state, columns, head_dim).
template <typename F>
std::unique_ptr<KernelState> create_mma(const WindowAttentionProblem& p, const F& choose) {
  auto state = std::make_unique<MmaState>();
  state->has_rel = p.has_rel;
  state->has_pad = p.has_pad;
  const Windows windows(p);
  TensorParameters& to = state->parameters;
  to.height = static_cast<int>(p.height);
  to.width = static_cast<int>(p.width);
  to.heads = static_cast<int>(p.heads);
  to.head_dim = static_cast<int>(p.head_dim);
  to.side_h = static_cast<int>(windows.side_h);
  to.side_w = static_cast<int>(windows.side_w);
  to.across = static_cast<int>(windows.across);
  to.windows = static_cast<int>(windows.down * windows.across);
  to.query_blocks =
      static_cast<int>(std::min(windows.side_h, p.height) * std::min(windows.side_w, p.width));
  to.factor = p.scale * kLog2e;
  to.inverse_scale = 1.0F / p.scale;
  choose(*state, columns_for(windows), to.head_dim);
  state->blocks = p.batch * to.windows * p.heads * to.query_blocks;
  return state;
}

inline void run_mma(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const MmaState&>(state);
  TensorParameters p = s.parameters;
  p.qkv = args.inputs[0];
  p.rel_h = s.has_rel ? static_cast<const float*>(args.inputs[1]) : nullptr;
  p.rel_w = s.has_rel ? static_cast<const float*>(args.inputs[2]) : nullptr;
  p.pad = s.has_pad ? static_cast<const float*>(args.inputs[3]) : nullptr;
  p.out = args.outputs[0];
  launch("window_attention_mma", s.kernel, static_cast<unsigned>(s.blocks),
         static_cast<unsigned>(s.threads), s.shared_bytes, args, p);
}

template <typename T>
std::unique_ptr<KernelState> create_mma_of(const WindowAttentionProblem& problem,
                                           const TargetInfo& /*target*/, const Offer& /*offer*/) {
  return create_mma(problem, [](MmaState& state, int columns, int head_dim) {
    if (columns == kNarrow) {
      if (head_dim <= 32) return state.use<T, Tiling<32, kNarrow, 1, 7, 32, 7, 2>>();
      if (head_dim <= 64) return state.use<T, Tiling<64, kNarrow, 1, 7, 32, 7, 2>>();
      if (head_dim <= 80) return state.use<T, Tiling<80, kNarrow, 1, 7, 32, 7, 2>>();
      return state.use<T, Tiling<128, kNarrow, 1, 7, 32, 4, 1>>();
    }
    if (head_dim <= 32) return state.use<T, Tiling<32, kWide, 2, 4, 64, 3, 2>>();
    if (head_dim <= 64) return state.use<T, Tiling<64, kWide, 2, 4, 64, 3, 2>>();
    if (head_dim <= 80) return state.use<T, Tiling<80, kWide, 2, 4, 64, 3, 2>>();
    return state.use<T, Tiling<128, kWide, 1, 4, 64, 2, 1>>();
  });
}

}  // namespace

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_ATTENTION_WINDOW_ATTENTION_MMA_ROWS_CUH_
