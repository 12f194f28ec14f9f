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

float value(float x) { return x; }
float value(std::uint16_t bits) { return bf16_to_f32(bits); }

template <typename T>
void to_floats(const T* from, std::int64_t n, float* to) {
  for (std::int64_t i = 0; i < n; ++i) to[i] = value(from[i]);
}

void store(float x, float* to) { *to = x; }
void store(float x, std::uint16_t* to) { *to = f32_to_bf16(x); }

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

// One head of one row of the grid; qkv and the result are of type T.
template <typename T>
struct WindowHead {
  const WindowAttentionProblem& p;
  const T* qkv;  // of the image
  const float* rel_h;
  const float* rel_w;
  const float* pad;
  T* out;

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
    to_floats(qkv + (y * p.width + x) * 3 * channels + head * d, d, q);
    // Key or value (part 1 or 2) of a token of the window into `row`; false where it is zero.
    const auto load = [&](std::int64_t ky, std::int64_t kx, int part) {
      const bool inside = top + ky < p.height && left + kx < p.width;
      const std::int64_t at = part * channels + head * d;
      if (inside) {
        to_floats(qkv + ((top + ky) * p.width + left + kx) * 3 * channels + at, d, row);
      } else if (pad != nullptr) {
        to_floats(pad + at, d, row);
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
    T* to = out + (y * p.width + x) * channels + head * d;
    for (std::int64_t i = 0; i < d; ++i) store(o[i] / sum, to + i);
  }
};

template <typename T>
void run_window_of(const ProblemState<WindowAttentionProblem>& s, const KernelArgs& args) {
  const WindowAttentionProblem& p = s.problem;
  const auto table = [&](bool present, int i) {
    return present ? static_cast<const float*>(args.inputs[i]) : nullptr;
  };
  const std::int64_t tokens = p.height * p.width;
  const std::int64_t channels = p.heads * p.head_dim;
  for_tasks_with_scratch(
      p.batch * p.heads * p.height, s.target.threads, args.workspace, scratch_bytes(p),
      [&](std::int64_t task, std::byte* scratch) {
        const std::int64_t y = task % p.height;
        const std::int64_t head = task / p.height % p.heads;
        const std::int64_t image = task / p.height / p.heads;
        const WindowHead<T> h{p,
                              static_cast<const T*>(args.inputs[0]) + image * tokens * 3 * channels,
                              table(p.has_rel, 1),
                              table(p.has_rel, 2),
                              table(p.has_pad, 3),
                              static_cast<T*>(args.outputs[0]) + image * tokens * channels};
        for (std::int64_t x = 0; x < p.width; ++x) {
          h.token(y, x, head, reinterpret_cast<float*>(scratch));
        }
      });
}

void run_window(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const ProblemState<WindowAttentionProblem>&>(state);
  if (s.problem.dtype == DType::kBF16) {
    run_window_of<std::uint16_t>(s, args);
  } else {
    run_window_of<float>(s, args);
  }
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
