#include "kernels/attention/window_attention_mma_rows.cuh"

namespace lasso::kernels {

Kernel<WindowAttentionProblem> window_attention_cuda_bf16() {
  const auto offer = [](const WindowAttentionProblem& p, const TargetInfo&) {
    return gpu::offer_mma(p, DType::kBF16, 128);
  };
  return {"mma_bf16",  Needs::gpu(80), offer, nullptr, gpu::create_mma_of<__nv_bfloat16>,
          gpu::run_mma};
}

}  // namespace lasso::kernels
