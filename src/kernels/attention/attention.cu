// The lists of attention's rows for NVIDIA GPUs.
#include "kernels/attention/attention_cuda.h"
#include "kernels/attention/attention_cuda_rows.h"

namespace lasso::kernels {

const std::vector<Kernel<WindowAttentionProblem>>& window_attention_cuda_kernels() {
  static const std::vector<Kernel<WindowAttentionProblem>> list{
      window_attention_cuda_bf16_windows(), window_attention_cuda_fp16_windows(),
      window_attention_cuda_bf16_grid(),    window_attention_cuda_fp16_grid(),
      window_attention_cuda_bf16(),         window_attention_cuda_fp16(),
      window_attention_cuda_fp16_sm75(),    window_attention_cuda_fp32(),
      window_attention_cuda_any()};
  return list;
}

const std::vector<Kernel<AttentionProblem>>& attention_cuda_kernels() {
  static const std::vector<Kernel<AttentionProblem>> list{attention_cuda_rows(),
                                                          attention_cuda_any()};
  return list;
}

}  // namespace lasso::kernels
