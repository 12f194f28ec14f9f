// What the files of this folder share: the rows of the lists, and the loop over tasks with scratch.
#ifndef LASSO_KERNELS_ATTENTION_ATTENTION_KERNELS_H_
#define LASSO_KERNELS_ATTENTION_ATTENTION_KERNELS_H_

#include <atomic>
#include <cstdint>
#include <string>

#include "core/threads.h"
#include "kernels/attention/attention.h"

namespace lasso::kernels {

Kernel<WindowAttentionProblem> window_attention_ref();
Kernel<WindowAttentionProblem> window_attention_avx2();
Kernel<WindowAttentionProblem> window_attention_avx512();
Kernel<WindowAttentionProblem> window_attention_amx();
Kernel<WindowAttentionProblem> window_attention_bf16();
// In float32 on operands in bfloat16.
Kernel<WindowAttentionProblem> window_attention_widened_avx2();
Kernel<WindowAttentionProblem> window_attention_widened_avx512();
Kernel<AttentionProblem> attention_ref();
Kernel<AttentionProblem> attention_avx2();
Kernel<AttentionProblem> attention_avx512();

// Calls f(task, scratch) for every task of [0, count) on at most `threads` threads of the team,
// with scratch_bytes of `workspace` for each thread. A team that outgrew the plan leaves its
// surplus threads idle.
template <typename F>
void for_tasks_with_scratch(std::int64_t count, int threads, std::byte* workspace,
                            std::size_t scratch_bytes, F&& f) {
  std::atomic<std::int64_t> next{0};
  parallel([&](int thread, int) {
    if (thread >= threads) return;
    std::byte* scratch = workspace + static_cast<std::size_t>(thread) * scratch_bytes;
    for (std::int64_t task = next++; task < count; task = next++) f(task, scratch);
  });
}

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_ATTENTION_ATTENTION_KERNELS_H_
