// The specification: one query at a time, two passes over its scores, the maximum subtracted.
#include <algorithm>
#include <cmath>

#include "core/aligned_buffer.h"
#include "kernels/attention/attention_kernels.h"

namespace lasso::kernels {

namespace {

float dot(const float* a, const float* b, std::int64_t n) {
  float sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

// p = exp(p - max p); returns the sum.
float exponentials(float* p, std::int64_t n) {
  const float max = *std::max_element(p, p + n);
  float sum = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    p[i] = std::exp(p[i] - max);
    sum += p[i];
  }
  return sum;
}

void add_scaled(float* out, const float* v, float p, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) out[i] += p * v[i];
}

// One thread's scratch: the scores of a query.
template <typename Problem>
std::size_t scratch_bytes(std::int64_t keys, const Problem&) {
  return align_up(static_cast<std::size_t>(keys) * sizeof(float));
}

std::size_t scratch_bytes(const AttentionProblem& p) { return scratch_bytes(p.keys, p); }

std::size_t scratch_bytes(const WindowAttentionProblem& p) {
  return scratch_bytes(p.window > 0 ? p.window * p.window : p.height * p.width, p);
}

template <typename Problem>
KernelPlan plan(const Problem& problem, const Target& target) {
  KernelPlan plan;
  plan.workspace_bytes = scratch_bytes(problem) * static_cast<std::size_t>(target.threads);
  plan.cost = 1e3;  // the last choice
  return plan;
}

template <typename Problem>
Support supports(const Problem& problem, const Target&) {
  return check_problem(problem);
}

// One head of one row of the grid.
struct WindowHead {
  const WindowAttentionProblem& p;
  const float* qkv;  // of the image
  const float* rel_h;
  const float* rel_w;
  const float* pad;
  float* out;

  void token(std::int64_t y, std::int64_t x, std::int64_t head, float* scores) const {
    const std::int64_t d = p.head_dim;
    const std::int64_t channels = p.heads * d;
    const std::int64_t side_h = p.window > 0 ? p.window : p.height;
    const std::int64_t side_w = p.window > 0 ? p.window : p.width;
    const std::int64_t top = y / side_h * side_h;
    const std::int64_t left = x / side_w * side_w;
    const float* q = qkv + (y * p.width + x) * 3 * channels + head * d;
    // Key or value (part 1 or 2) of a token of the window; null where it is zero.
    const auto row = [&](std::int64_t ky, std::int64_t kx, int part) -> const float* {
      const bool inside = top + ky < p.height && left + kx < p.width;
      const float* base = inside ? qkv + ((top + ky) * p.width + left + kx) * 3 * channels : pad;
      return base == nullptr ? nullptr : base + part * channels + head * d;
    };
    for (std::int64_t ky = 0; ky < side_h; ++ky) {
      for (std::int64_t kx = 0; kx < side_w; ++kx) {
        const float* k = row(ky, kx, 1);
        float score = k == nullptr ? 0.0F : p.scale * dot(q, k, d);
        if (p.has_rel) {
          score += dot(q, rel_h + (y - top - ky + side_h - 1) * d, d);
          score += dot(q, rel_w + (x - left - kx + side_w - 1) * d, d);
        }
        scores[ky * side_w + kx] = score;
      }
    }
    const float sum = exponentials(scores, side_h * side_w);
    float* o = out + (y * p.width + x) * channels + head * d;
    std::fill(o, o + d, 0.0F);
    for (std::int64_t ky = 0; ky < side_h; ++ky) {
      for (std::int64_t kx = 0; kx < side_w; ++kx) {
        const float* v = row(ky, kx, 2);
        if (v != nullptr) add_scaled(o, v, scores[ky * side_w + kx], d);
      }
    }
    for (std::int64_t i = 0; i < d; ++i) o[i] /= sum;
  }
};

void run_window(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const ProblemState<WindowAttentionProblem>&>(state);
  const WindowAttentionProblem& p = s.problem;
  const auto input = [&](int i) { return static_cast<const float*>(args.inputs[i]); };
  const std::int64_t tokens = p.height * p.width;
  const std::int64_t channels = p.heads * p.head_dim;
  for_tasks_with_scratch(p.batch * p.heads * p.height, s.target.threads, args.workspace,
                         scratch_bytes(p), [&](std::int64_t task, std::byte* scratch) {
                           const std::int64_t y = task % p.height;
                           const std::int64_t head = task / p.height % p.heads;
                           const std::int64_t image = task / p.height / p.heads;
                           const WindowHead h{
                               p,
                               input(0) + image * tokens * 3 * channels,
                               p.has_rel ? input(1) : nullptr,
                               p.has_rel ? input(2) : nullptr,
                               p.has_pad ? input(3) : nullptr,
                               static_cast<float*>(args.outputs[0]) + image * tokens * channels};
                           for (std::int64_t x = 0; x < p.width; ++x) {
                             h.token(y, x, head, reinterpret_cast<float*>(scratch));
                           }
                         });
}

void run_attention(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const ProblemState<AttentionProblem>&>(state);
  const AttentionProblem& p = s.problem;
  const std::int64_t d = p.head_dim;
  const std::int64_t channels = p.heads * d;
  const auto input = [&](int i, std::int64_t image) {
    return static_cast<const float*>(args.inputs[i]) + image * channels;
  };
  for_tasks_with_scratch(
      p.batch * p.heads, s.target.threads, args.workspace, scratch_bytes(p),
      [&](std::int64_t task, std::byte* scratch) {
        const std::int64_t head = task % p.heads;
        const std::int64_t image = task / p.heads;
        const float* q = input(0, p.q_batch == 1 ? 0 : image * p.queries) + head * d;
        const float* k = input(1, p.k_batch == 1 ? 0 : image * p.keys) + head * d;
        const float* v = input(2, p.v_batch == 1 ? 0 : image * p.keys) + head * d;
        float* out = static_cast<float*>(args.outputs[0]) + image * p.queries * channels + head * d;
        float* scores = reinterpret_cast<float*>(scratch);
        for (std::int64_t m = 0; m < p.queries; ++m) {
          for (std::int64_t n = 0; n < p.keys; ++n) {
            scores[n] = p.scale * dot(q + m * channels, k + n * channels, d);
          }
          const float sum = exponentials(scores, p.keys);
          float* o = out + m * channels;
          std::fill(o, o + d, 0.0F);
          for (std::int64_t n = 0; n < p.keys; ++n) add_scaled(o, v + n * channels, scores[n], d);
          for (std::int64_t i = 0; i < d; ++i) o[i] /= sum;
        }
      });
}

template <typename Problem>
Kernel<Problem> row(void (*run)(const KernelState&, const KernelArgs&)) {
  Kernel<Problem> kernel;
  kernel.name = "reference";
  kernel.isa = Isa::kReference;
  kernel.supports = supports<Problem>;
  kernel.plan = plan<Problem>;
  kernel.create = create_problem_state<Problem>;
  kernel.run = run;
  return kernel;
}

}  // namespace

Kernel<WindowAttentionProblem> window_attention_ref() {
  return row<WindowAttentionProblem>(run_window);
}

Kernel<AttentionProblem> attention_ref() { return row<AttentionProblem>(run_attention); }

}  // namespace lasso::kernels
