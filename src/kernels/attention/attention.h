// Attention as a streaming kernel: scores exist only tile by tile, never as a matrix.
//
// Work of one head with M queries, N keys and width d, for the sizes of the encoder (M = N = 4096,
// d = 64, global): 2 M N d = 2.1 GFLOP for q.k and as many for the product with v; M N = 16.8 M
// exponentials; q, k, v and the result are 1 MB each. ViT-B has 12 such heads in each of 4 layers:
// 206 GFLOP and 0.8 G exponentials, against 24 GFLOP in the 8 windowed layers (M = N = 196, 25
// windows). The fused kernel is therefore bound by the FMA units: per vector of scores 2 d = 128
// FMAs, one exponential (7 FMA-port instructions), a maximum or a subtraction and a sum. The score
// matrix that it never writes would be 64 MB per head.
#ifndef LASSO_KERNELS_ATTENTION_ATTENTION_H_
#define LASSO_KERNELS_ATTENTION_ATTENTION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/dtype.h"
#include "kernels/family.h"
#include "kernels/kernel.h"

namespace lasso::kernels {

// graph::WindowAttention: inputs qkv [batch, height, width, 3*heads*head_dim], Rh?, Rw?, pad?. The
// windows' sides are S = window, or height and width (not necessarily equal) where window is 0; Rh
// has 2 S - 1 rows for the S of y and Rw for that of x. Without `pad`, tokens outside the grid are
// zeros.
struct WindowAttentionProblem {
  std::int64_t batch = 1;
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t heads = 1;
  std::int64_t head_dim = 0;
  std::int64_t window = 0;
  float scale = 1.0F;
  bool has_rel = false;
  bool has_pad = false;
  // Of qkv and the result: float32, bfloat16 or float16; Rh, Rw and pad are float32.
  DType dtype = DType::kF32;
};

// graph::Attention: inputs q [q_batch, queries, heads*head_dim], k [k_batch, keys, ...] and v
// [v_batch, keys, ...]; each batch is `batch` or 1.
struct AttentionProblem {
  std::int64_t batch = 1;
  std::int64_t q_batch = 1;
  std::int64_t k_batch = 1;
  std::int64_t v_batch = 1;
  std::int64_t queries = 0;
  std::int64_t keys = 0;
  std::int64_t heads = 1;
  std::int64_t head_dim = 0;
  float scale = 1.0F;
  DType dtype = DType::kF32;  // of q, k, v and the result: float32, bfloat16 or float16
};

// The reason why sizes or types are such that no kernel may run; else empty.
inline std::string check_problem(const WindowAttentionProblem& p) {
  if (!is_float(p.dtype)) return "operands other than float32, bfloat16 and float16";
  if (p.batch < 0 || p.height < 0 || p.width < 0 || p.heads < 1 || p.head_dim < 1 || p.window < 0) {
    return "sizes that are not positive";
  }
  constexpr std::int64_t kMostWindow = std::int64_t{1}
                                       << 20;  // whose square has room to be counted
  if (p.window > kMostWindow) return "windows of more than 2^20 tokens a side";
  return {};
}

inline std::string check_problem(const AttentionProblem& p) {
  if (!is_float(p.dtype)) return "operands other than float32, bfloat16 and float16";
  if (p.batch < 0 || p.queries < 0 || p.keys < 1 || p.heads < 1 || p.head_dim < 1) {
    return "sizes that are not positive";
  }
  for (const std::int64_t batch : {p.q_batch, p.k_batch, p.v_batch}) {
    if (batch != 1 && batch != p.batch) return "batches that don't broadcast";
  }
  return {};
}

// Bound of a fast kernel's scratch for each thread. Besides that the workspace holds the packed
// keys and values of all heads where several tiles of queries share them (about as many floats as k
// and v have), and never a score.
constexpr std::size_t kMaxAttentionScratchBytes = std::size_t{1} << 20;
// On tiles, which CPUs with larger caches have: of keys that a task packs for itself, too.
constexpr std::size_t kMaxAttentionTileBytes = std::size_t{2} << 20;

// Best first, reference last. Results don't depend on the number of threads.
const std::vector<Kernel<WindowAttentionProblem>>& window_attention_kernels();
const std::vector<Kernel<AttentionProblem>>& attention_kernels();

const Family& window_attention_family();
const Family& attention_family();

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_ATTENTION_ATTENTION_H_
