// Window attention in float16 where shared memory has 64 kB, and copies go through registers.
#include "kernels/attention/window_attention_mma_rows.cuh"

namespace lasso::kernels {

namespace {

std::unique_ptr<KernelState> create(const WindowAttentionProblem& problem,
                                    const TargetInfo& /*target*/, const Offer& /*offer*/) {
  using gpu::kNarrow;
  using gpu::kWide;
  using gpu::Tiling;
  return gpu::create_mma(problem, [](gpu::WindowState& state, int columns, int head_dim) {
    if (columns == kNarrow) {
      if (head_dim <= 64) return gpu::use_mma<__half, Tiling<64, kNarrow, 1, 7, 32, 2, 1>>(state);
      return gpu::use_mma<__half, Tiling<80, kNarrow, 1, 7, 32, 2, 1>>(state);
    }
    if (head_dim <= 64) return gpu::use_mma<__half, Tiling<64, kWide, 1, 4, 64, 2, 1>>(state);
    return gpu::use_mma<__half, Tiling<80, kWide, 1, 4, 64, 2, 1>>(state);
  });
}

}  // namespace

Kernel<WindowAttentionProblem> window_attention_cuda_fp16_sm75() {
  const auto offer = [](const WindowAttentionProblem& p, const TargetInfo&) {
    return gpu::offer_mma(p, DType::kF16, 80);
  };
  return {"mma_fp16_small", Needs::gpu(), offer, nullptr, create, gpu::run_window};
}

}  // namespace lasso::kernels
