// The specification: one query at a time, two passes over its scores, the maximum subtracted.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

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

// Elements from `first` on of a tensor as float32 numbers.
void to_floats(const void* tensor, DType dtype, std::int64_t first, std::int64_t n, float* to) {
  if (dtype == DType::kF32) {
    std::copy_n(static_cast<const float*>(tensor) + first, n, to);
    return;
  }
  const auto* from = static_cast<const std::uint16_t*>(tensor) + first;
  for (std::int64_t i = 0; i < n; ++i) to[i] = half_to_f32(dtype, from[i]);
}

// And back.
void from_floats(const float* from, std::int64_t n, void* tensor, DType dtype, std::int64_t first) {
  if (dtype == DType::kF32) {
    std::copy_n(from, n, static_cast<float*>(tensor) + first);
    return;
  }
  auto* to = static_cast<std::uint16_t*>(tensor) + first;
  for (std::int64_t i = 0; i < n; ++i) to[i] = f32_to_half(dtype, from[i]);
}

// One thread's scratch: the scores of a query, and three rows of float32 numbers.
std::size_t scratch_bytes(std::int64_t keys, std::int64_t head_dim) {
  return align_up(static_cast<std::size_t>(keys + 3 * head_dim) * sizeof(float));
}

std::size_t scratch_bytes(const AttentionProblem& p) { return scratch_bytes(p.keys, p.head_dim); }

std::size_t scratch_bytes(const WindowAttentionProblem& p) {
  return scratch_bytes(p.window > 0 ? p.window * p.window : p.height * p.width, p.head_dim);
}

template <typename Problem>
Offer offer(const Problem& problem, const TargetInfo& target) {
  if (std::string reason = check_problem(problem); !reason.empty()) {
    return Offer::no(std::move(reason));
  }
  Offer offer;
  offer.workspace_bytes = scratch_bytes(problem) * static_cast<std::size_t>(target.threads);
  return offer;
}

// One head of one row of the grid.
struct WindowHead {
  const WindowAttentionProblem& p;
  const void* qkv;
  std::int64_t first_token;  // of the image
  const float* rel_h;
  const float* rel_w;
  const float* pad;
  void* out;

  void token(std::int64_t y, std::int64_t x, std::int64_t head, float* scratch) const {
    const std::int64_t d = p.head_dim;
    const std::int64_t channels = p.heads * d;
    const std::int64_t side_h = p.window > 0 ? p.window : p.height;
    const std::int64_t side_w = p.window > 0 ? p.window : p.width;
    const std::int64_t top = y / side_h * side_h;
    const std::int64_t left = x / side_w * side_w;
    float* q = scratch;
    float* row = q + d;
    float* o = row + d;
    float* scores = o + d;
    to_floats(qkv, p.dtype, (first_token + y * p.width + x) * 3 * channels + head * d, d, q);
    // Key or value (part 1 or 2) of a token of the window into `row`; false where it is zero.
    const auto load = [&](std::int64_t ky, std::int64_t kx, int part) {
      const bool inside = top + ky < p.height && left + kx < p.width;
      const std::int64_t at = part * channels + head * d;
      if (inside) {
        const std::int64_t token = first_token + (top + ky) * p.width + left + kx;
        to_floats(qkv, p.dtype, token * 3 * channels + at, d, row);
      } else if (pad != nullptr) {
        std::copy_n(pad + at, d, row);
      }
      return inside || pad != nullptr;
    };
    for (std::int64_t ky = 0; ky < side_h; ++ky) {
      for (std::int64_t kx = 0; kx < side_w; ++kx) {
        float score = load(ky, kx, 1) ? p.scale * dot(q, row, d) : 0.0F;
        if (p.has_rel) {
          score += dot(q, rel_h + (y - top - ky + side_h - 1) * d, d);
          score += dot(q, rel_w + (x - left - kx + side_w - 1) * d, d);
        }
        scores[ky * side_w + kx] = score;
      }
    }
    const float sum = exponentials(scores, side_h * side_w);
    std::fill(o, o + d, 0.0F);
    for (std::int64_t ky = 0; ky < side_h; ++ky) {
      for (std::int64_t kx = 0; kx < side_w; ++kx) {
        if (load(ky, kx, 2)) add_scaled(o, row, scores[ky * side_w + kx], d);
      }
    }
    for (std::int64_t i = 0; i < d; ++i) o[i] /= sum;
    from_floats(o, d, out, p.dtype, (first_token + y * p.width + x) * channels + head * d);
  }
};

void run_window(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const ProblemState<WindowAttentionProblem>&>(state);
  const WindowAttentionProblem& p = s.problem;
  const auto table = [&](bool present, int i) {
    return present ? static_cast<const float*>(args.inputs[i]) : nullptr;
  };
  for_tasks_with_scratch(p.batch * p.heads * p.height, s.target.threads, args.workspace,
                         scratch_bytes(p), [&](std::int64_t task, std::byte* scratch) {
                           const std::int64_t y = task % p.height;
                           const std::int64_t head = task / p.height % p.heads;
                           const std::int64_t image = task / p.height / p.heads;
                           const WindowHead h{p,
                                              args.inputs[0],
                                              image * p.height * p.width,
                                              table(p.has_rel, 1),
                                              table(p.has_rel, 2),
                                              table(p.has_pad, 3),
                                              args.outputs[0]};
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
  for_tasks_with_scratch(p.batch * p.heads, s.target.threads, args.workspace, scratch_bytes(p),
                         [&](std::int64_t task, std::byte* scratch) {
                           const std::int64_t head = task % p.heads;
                           const std::int64_t image = task / p.heads;
                           float* q = reinterpret_cast<float*>(scratch);
                           float* row = q + d;  // of k or v
                           float* o = row + d;
                           float* scores = o + d;
                           const auto load = [&](int input, std::int64_t token, float* to) {
                             to_floats(args.inputs[static_cast<std::size_t>(input)], p.dtype,
                                       token * channels + head * d, d, to);
                           };
                           const std::int64_t first_query = p.q_batch == 1 ? 0 : image * p.queries;
                           const std::int64_t first_key = p.k_batch == 1 ? 0 : image * p.keys;
                           const std::int64_t first_value = p.v_batch == 1 ? 0 : image * p.keys;
                           for (std::int64_t m = 0; m < p.queries; ++m) {
                             load(0, first_query + m, q);
                             for (std::int64_t n = 0; n < p.keys; ++n) {
                               load(1, first_key + n, row);
                               scores[n] = p.scale * dot(q, row, d);
                             }
                             const float sum = exponentials(scores, p.keys);
                             std::fill(o, o + d, 0.0F);
                             for (std::int64_t n = 0; n < p.keys; ++n) {
                               load(2, first_value + n, row);
                               add_scaled(o, row, scores[n], d);
                             }
                             for (std::int64_t i = 0; i < d; ++i) o[i] /= sum;
                             from_floats(o, d, args.outputs[0], p.dtype,
                                         (image * p.queries + m) * channels + head * d);
                           }
                         });
}

template <typename Problem>
Kernel<Problem> row(KernelRun run) {
  Kernel<Problem> kernel;
  kernel.name = "reference";
  kernel.offer = offer<Problem>;
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
