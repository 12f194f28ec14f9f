// What the files for NVIDIA GPUs share on the host: the rows, and the sizes of windows.
#ifndef LASSO_KERNELS_ATTENTION_ATTENTION_CUDA_ROWS_H_
#define LASSO_KERNELS_ATTENTION_ATTENTION_CUDA_ROWS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "kernels/attention/attention.h"

namespace lasso::kernels {

// On tensor cores: bfloat16 and float16.
Kernel<WindowAttentionProblem> window_attention_cuda_bf16_windows();
Kernel<WindowAttentionProblem> window_attention_cuda_bf16_grid();
Kernel<WindowAttentionProblem> window_attention_cuda_fp16_windows();
Kernel<WindowAttentionProblem> window_attention_cuda_fp16_grid();
Kernel<WindowAttentionProblem> window_attention_cuda_bf16();
Kernel<WindowAttentionProblem> window_attention_cuda_fp16();
Kernel<WindowAttentionProblem> window_attention_cuda_fp16_sm75();
Kernel<WindowAttentionProblem> window_attention_cuda_fp32();
Kernel<WindowAttentionProblem> window_attention_cuda_any();
Kernel<AttentionProblem> attention_cuda_rows();
Kernel<AttentionProblem> attention_cuda_any();

// The windows of a grid.
struct Windows {
  explicit Windows(const WindowAttentionProblem& p)
      : side_h(p.window > 0 ? p.window : p.height),
        side_w(p.window > 0 ? p.window : p.width),
        down(side_h > 0 ? (p.height + side_h - 1) / side_h : 0),
        across(side_w > 0 ? (p.width + side_w - 1) / side_w : 0) {}

  std::int64_t side_h;
  std::int64_t side_w;
  std::int64_t down;
  std::int64_t across;
};

// The shared memory in bytes that a block may have: the GPU's, and no more than a GPU has of the
// compute capability that kernels may use, as which a newer one may be tested.
inline std::size_t shared_memory_limit(const TargetInfo& target) {
  const auto kib = [&]() -> std::size_t {
    if (target.sm < 80) return 64;
    return target.sm == 80 || target.sm == 90 || target.sm == 100 ? 163 : 99;
  };
  return std::min(kib() << 10, target.shared_memory);
}

constexpr float kLog2e = 1.44269504088896341F;

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_ATTENTION_ATTENTION_CUDA_ROWS_H_
