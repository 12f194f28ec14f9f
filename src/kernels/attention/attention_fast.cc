// The rows of the lists that run by tasks.
#include "kernels/attention/attention_rows.h"

namespace lasso::kernels {

Kernel<WindowAttentionProblem> window_attention_avx2() {
  return row<WindowAttentionProblem, CpuFeature::kAvx2, Form::kFloat, DType::kF32>(
      "streaming_avx2", run_window<streaming::kAvx2, float>);
}

Kernel<WindowAttentionProblem> window_attention_avx512() {
  return row<WindowAttentionProblem, CpuFeature::kAvx512, Form::kFloat, DType::kF32>(
      "streaming_avx512", run_window<streaming::kAvx512, float>);
}

Kernel<WindowAttentionProblem> window_attention_bf16() {
  return row<WindowAttentionProblem, CpuFeature::kAvx512Bf16, Form::kPairs, DType::kBF16>(
      "streaming_avx512_bf16", run_window<streaming::kAvx512Bf16, std::uint16_t>);
}

Kernel<WindowAttentionProblem> window_attention_amx() {
  return row<WindowAttentionProblem, CpuFeature::kAmxBf16, Form::kTiles, DType::kBF16>(
      "tiles", run_window<streaming::kAmxBf16, std::uint16_t>);
}

Kernel<WindowAttentionProblem> window_attention_widened_avx2() {
  return row<WindowAttentionProblem, CpuFeature::kAvx2, Form::kFloat, DType::kBF16>(
      "widened_avx2", run_window<streaming::kAvx2Widened, std::uint16_t>);
}

Kernel<WindowAttentionProblem> window_attention_widened_avx512() {
  return row<WindowAttentionProblem, CpuFeature::kAvx512, Form::kFloat, DType::kBF16>(
      "widened_avx512", run_window<streaming::kAvx512Widened, std::uint16_t>);
}

Kernel<AttentionProblem> attention_avx2() {
  return row<AttentionProblem, CpuFeature::kAvx2, Form::kFloat, DType::kF32>(
      "streaming_avx2", run_attention<streaming::kAvx2>);
}

Kernel<AttentionProblem> attention_avx512() {
  return row<AttentionProblem, CpuFeature::kAvx512, Form::kFloat, DType::kF32>(
      "streaming_avx512", run_attention<streaming::kAvx512>);
}

}  // namespace lasso::kernels
