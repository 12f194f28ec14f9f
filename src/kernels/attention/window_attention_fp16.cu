#include "kernels/attention/window_attention_mma_rows.cuh"
#include "kernels/attention/window_attention_wgmma_rows.cuh"

namespace lasso::kernels {

Kernel<WindowAttentionProblem> window_attention_cuda_fp16_grid() {
  return gpu::wgmma_row<__half>("wgmma_fp16");
}

Kernel<WindowAttentionProblem> window_attention_cuda_fp16_windows() {
  return gpu::wgmma_windows_row<__half>("wgmma_fp16_windows");
}

Kernel<WindowAttentionProblem> window_attention_cuda_fp16() {
  const auto offer = [](const WindowAttentionProblem& p, const TargetInfo&) {
    return gpu::offer_mma(p, DType::kF16, 128);
  };
  return {"mma_fp16", Needs::gpu(80), offer, nullptr, gpu::create_mma_of<__half>, gpu::run_window};
}

}  // namespace lasso::kernels
