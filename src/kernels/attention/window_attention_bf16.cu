#include "kernels/attention/window_attention_mma_rows.cuh"
#include "kernels/attention/window_attention_wgmma_rows.cuh"

namespace lasso::kernels {

Kernel<WindowAttentionProblem> window_attention_cuda_bf16_grid() {
  return gpu::wgmma_row<__nv_bfloat16>("wgmma_bf16");
}

Kernel<WindowAttentionProblem> window_attention_cuda_bf16_windows() {
  return gpu::wgmma_windows_row<__nv_bfloat16>("wgmma_bf16_windows");
}

Kernel<WindowAttentionProblem> window_attention_cuda_bf16() {
  const auto offer = [](const WindowAttentionProblem& p, const TargetInfo&) {
    return gpu::offer_mma(p, DType::kBF16, 128);
  };
  return {"mma_bf16",     Needs::gpu(80), offer, nullptr, gpu::create_mma_of<__nv_bfloat16>,
          gpu::run_window};
}

}  // namespace lasso::kernels
