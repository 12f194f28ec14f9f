// What the fused kernels for windows have in common: their parameters, made once for a problem, and
// which queries a block has. Blocks follow each other by queries, heads, windows and images.
#ifndef LASSO_KERNELS_ATTENTION_WINDOW_BLOCK_CUH_
#define LASSO_KERNELS_ATTENTION_WINDOW_BLOCK_CUH_

#include <algorithm>
#include <memory>

#include "kernels/attention/attention_cuda_rows.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/mma.cuh"

namespace lasso::kernels::gpu {

namespace {

struct WindowParameters {
  const void* qkv;
  const float* rel_h;
  const float* rel_w;
  const float* pad;
  void* out;
  int height, width, heads, head_dim;
  int side_h, side_w, across, windows, query_blocks;
  float factor;         // scale log2 e
  float inverse_scale;  // 1 / scale
};

// The parameters but for the pointers, and how the kernel is started.
class WindowState : public KernelState {
 public:
  explicit WindowState(const WindowAttentionProblem& p)
      : has_rel_(p.has_rel), has_pad_(p.has_pad), batch_(p.batch) {
    const Windows windows(p);
    parameters_.height = static_cast<int>(p.height);
    parameters_.width = static_cast<int>(p.width);
    parameters_.heads = static_cast<int>(p.heads);
    parameters_.head_dim = static_cast<int>(p.head_dim);
    parameters_.side_h = static_cast<int>(windows.side_h);
    parameters_.side_w = static_cast<int>(windows.side_w);
    parameters_.across = static_cast<int>(windows.across);
    parameters_.windows = static_cast<int>(windows.down * windows.across);
    parameters_.factor = p.scale * kLog2e;
    parameters_.inverse_scale = 1.0F / p.scale;
  }

  // `queries` are those of a block.
  void use(const char* name, void (*kernel)(WindowParameters), int threads,
           std::size_t shared_bytes, int queries) {
    name_ = name;
    kernel_ = kernel;
    threads_ = threads;
    shared_bytes_ = shared_bytes;
    allow_shared_memory(reinterpret_cast<const void*>(kernel));
    const int all = std::min(parameters_.side_h, parameters_.height) *
                    std::min(parameters_.side_w, parameters_.width);
    parameters_.query_blocks = (all + queries - 1) / queries;
  }

  void run(const KernelArgs& args) const {
    WindowParameters p = parameters_;
    p.qkv = args.inputs[0];
    p.rel_h = has_rel_ ? static_cast<const float*>(args.inputs[1]) : nullptr;
    p.rel_w = has_rel_ ? static_cast<const float*>(args.inputs[2]) : nullptr;
    p.pad = has_pad_ ? static_cast<const float*>(args.inputs[3]) : nullptr;
    p.out = args.outputs[0];
    const std::int64_t blocks = batch_ * p.windows * p.heads * p.query_blocks;
    launch(name_, kernel_, static_cast<unsigned>(blocks), static_cast<unsigned>(threads_),
           shared_bytes_, args, p);
  }

 private:
  WindowParameters parameters_ = {};
  bool has_rel_;
  bool has_pad_;
  std::int64_t batch_;
  const char* name_ = nullptr;
  void (*kernel_)(WindowParameters) = nullptr;
  int threads_ = 0;
  std::size_t shared_bytes_ = 0;
};

inline void run_window(const KernelState& state, const KernelArgs& args) {
  static_cast<const WindowState&>(state).run(args);
}

// The queries of a window are its tokens inside the grid.
struct WindowBlock {
  int query_block;
  int head;
  Index image_tokens;  // of the images before this one
  int top, left;       // of the window in the grid
  int row_width;       // queries in a row of the window
  int queries;         // of the window
};

__device__ __forceinline__ WindowBlock window_block(const WindowParameters& p) {
  WindowBlock b;
  unsigned block = blockIdx.x;
  b.query_block = static_cast<int>(block % p.query_blocks);
  block /= p.query_blocks;
  b.head = static_cast<int>(block % p.heads);
  block /= p.heads;
  const int window = static_cast<int>(block % p.windows);
  b.image_tokens = static_cast<Index>(block / p.windows) * p.height * p.width;
  b.top = window / p.across * p.side_h;
  b.left = window % p.across * p.side_w;
  b.row_width = min(p.side_w, p.width - b.left);
  b.queries = min(p.side_h, p.height - b.top) * b.row_width;
  return b;
}

}  // namespace

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_ATTENTION_WINDOW_BLOCK_CUH_
