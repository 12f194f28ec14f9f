// Attention without limits of size: a warp for each query and head.
//
// Of 32 keys at a time each lane takes the score of one; then each lane adds up columns of the
// values. Per score 4 d operations, and the keys' and values' rows from the caches: a head of 196
// tokens and d = 64 takes about as long as its 2 M N d loads, at a tenth of the peak of float32.
#include <algorithm>
#include <string>
#include <utility>

#include "kernels/attention/attention_cuda_rows.h"
#include "kernels/cuda/launch.cuh"

namespace lasso::kernels {

namespace {

using gpu::Index;
constexpr int kWarps = 4;
constexpr unsigned kAll = 0xFFFFFFFFU;

// A key and its value: in the input, or float32 numbers that stand in for it, or zeros (nulls).
template <typename T>
struct Token {
  const T* k = nullptr;
  const T* v = nullptr;
  const float* pad_k = nullptr;
  const float* pad_v = nullptr;
  float bias = 0;
};

template <typename T>
__device__ float dot(const float* q, const T* k, Index d) {
  float sum = 0;
  for (Index i = 0; i < d; ++i) sum = fmaf(q[i], gpu::to_float(k[i]), sum);
  return sum;
}

template <typename P>
__device__ P* broadcast(P* pointer, int lane) {
  return reinterpret_cast<P*>(
      __shfl_sync(kAll, reinterpret_cast<unsigned long long>(pointer), lane));
}

// out = softmax(scale q.k + bias) v over the keys token(0) to token(keys - 1); q and sums have d
// numbers, of the warp alone.
template <typename T, typename F>
__device__ void attend(const float* q, float* sums, Index keys, Index d, float scale,
                       const F& token, T* out) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  for (Index i = lane; i < d; i += 32) sums[i] = 0;
  float m = -INFINITY;
  float total = 0;
  for (Index first = 0; first < keys; first += 32) {
    const int count = static_cast<int>(min(keys - first, Index{32}));
    Token<T> t;
    float score = -INFINITY;
    if (lane < count) {
      t = token(first + lane);
      const float product = t.k != nullptr       ? dot(q, t.k, d)
                            : t.pad_k != nullptr ? dot(q, t.pad_k, d)
                                                 : 0.0F;
      score = fmaf(scale, product, t.bias);
    }
    float top = fmaxf(m, score);
    for (int step = 16; step > 0; step /= 2) top = fmaxf(top, __shfl_xor_sync(kAll, top, step));
    const float down = expf(m - top);
    const float p = lane < count ? expf(score - top) : 0.0F;
    float part = p;
    for (int step = 16; step > 0; step /= 2) part += __shfl_xor_sync(kAll, part, step);
    total = fmaf(total, down, part);
    m = top;
    for (Index column = 0; column < d; column += 32) {
      const Index i = column + lane;
      const bool is_inside = i < d;
      float sum = is_inside ? sums[i] * down : 0.0F;
      for (int j = 0; j < count; ++j) {
        const float weight = __shfl_sync(kAll, p, j);
        const T* v = broadcast(t.v, j);
        const float* pad = broadcast(t.pad_v, j);
        if (!is_inside) continue;
        if (v != nullptr) {
          sum = fmaf(weight, gpu::to_float(v[i]), sum);
        } else if (pad != nullptr) {
          sum = fmaf(weight, pad[i], sum);
        }
      }
      if (is_inside) sums[i] = sum;
    }
  }
  for (Index i = lane; i < d; i += 32) out[i] = gpu::from_float<T>(sums[i] / total);
}

// Floats of a warp's own: q, sums, and the position terms.
struct Scratch {
  float* in_memory;  // of all warps, where they do not fit into shared memory
  Index floats;      // of a warp

  __device__ float* of_warp() const {
    extern __shared__ float shared[];
    const Index warp = threadIdx.x / 32;
    if (in_memory == nullptr) return shared + warp * floats;
    return in_memory + (static_cast<Index>(blockIdx.x) * kWarps + warp) * floats;
  }
};

struct WindowParameters {
  Index batch, height, width, heads, d, side_h, side_w;
  float scale;
};

template <typename T>
__global__ void window_attention_any(const T* qkv, const float* rel_h, const float* rel_w,
                                     const float* pad, T* out, const WindowParameters p,
                                     const Scratch scratch) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  float* const q = scratch.of_warp();
  float* const sums = q + p.d;
  float* const terms_h = sums + p.d;
  float* const terms_w = terms_h + p.side_h;
  const Index channels = p.heads * p.d;
  const Index tasks = p.batch * p.height * p.width * p.heads;
  for (Index task = static_cast<Index>(blockIdx.x) * kWarps + threadIdx.x / 32; task < tasks;
       task += static_cast<Index>(gridDim.x) * kWarps) {
    const Index head = task % p.heads;
    const Index token = task / p.heads;
    const Index x = token % p.width;
    const Index y = token / p.width % p.height;
    const T* image = qkv + token / p.width / p.height * p.height * p.width * 3 * channels;
    const Index top = y / p.side_h * p.side_h;
    const Index left = x / p.side_w * p.side_w;
    __syncwarp();
    for (Index i = lane; i < p.d; i += 32) {
      q[i] = gpu::to_float(qkv[token * 3 * channels + head * p.d + i]);
    }
    __syncwarp();
    if (rel_h != nullptr) {
      for (Index i = lane; i < p.side_h; i += 32) {
        terms_h[i] = dot(q, rel_h + (y - top - i + p.side_h - 1) * p.d, p.d);
      }
      for (Index i = lane; i < p.side_w; i += 32) {
        terms_w[i] = dot(q, rel_w + (x - left - i + p.side_w - 1) * p.d, p.d);
      }
      __syncwarp();
    }
    attend<T>(
        q, sums, p.side_h * p.side_w, p.d, p.scale,
        [&](Index n) {
          const Index ky = n / p.side_w;
          const Index kx = n % p.side_w;
          Token<T> t;
          if (rel_h != nullptr) t.bias = terms_h[ky] + terms_w[kx];
          if (top + ky < p.height && left + kx < p.width) {
            const Index at = (top + ky) * p.width + left + kx;
            t.k = image + at * 3 * channels + channels + head * p.d;
            t.v = t.k + channels;
          } else if (pad != nullptr) {
            t.pad_k = pad + channels + head * p.d;
            t.pad_v = t.pad_k + channels;
          }
          return t;
        },
        out + token * channels + head * p.d);
  }
}

struct PlainParameters {
  Index batch, queries, keys, heads, d;
  Index q_stride, k_stride, v_stride;  // from one of the batch to the next; 0 where all share it
  float scale;
};

template <typename T>
__global__ void attention_any(const T* q_in, const T* k, const T* v, T* out,
                              const PlainParameters p, const Scratch scratch) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  float* const q = scratch.of_warp();
  const Index channels = p.heads * p.d;
  const Index tasks = p.batch * p.queries * p.heads;
  for (Index task = static_cast<Index>(blockIdx.x) * kWarps + threadIdx.x / 32; task < tasks;
       task += static_cast<Index>(gridDim.x) * kWarps) {
    const Index head = task % p.heads;
    const Index query = task / p.heads % p.queries;
    const Index image = task / p.heads / p.queries;
    const T* from = q_in + image * p.q_stride + query * channels + head * p.d;
    __syncwarp();
    for (Index i = lane; i < p.d; i += 32) q[i] = gpu::to_float(from[i]);
    __syncwarp();
    attend<T>(
        q, q + p.d, p.keys, p.d, p.scale,
        [&](Index n) {
          Token<T> t;
          t.k = k + image * p.k_stride + n * channels + head * p.d;
          t.v = v + image * p.v_stride + n * channels + head * p.d;
          return t;
        },
        out + task * p.d);
  }
}

// How a problem's warps run.
struct Plan {
  Index blocks = 0;
  Index floats = 0;  // of a warp
  bool fits = true;  // into shared memory

  Plan(Index tasks, Index floats_of_warp) : floats(floats_of_warp) {
    fits = bytes_of_block() <= 48 * 1024;
    blocks = std::min<Index>((tasks + kWarps - 1) / kWarps, fits ? Index{1} << 20 : 256);
  }
  std::size_t bytes_of_block() const { return sizeof(float) * kWarps * floats; }
  std::size_t workspace() const { return fits ? 0 : blocks * bytes_of_block(); }
  Scratch scratch(const KernelArgs& args) const {
    return {fits ? nullptr : reinterpret_cast<float*>(args.workspace), floats};
  }
  std::size_t shared_bytes() const { return fits ? bytes_of_block() : 0; }
};

Plan plan_of(const WindowAttentionProblem& p) {
  const Windows windows(p);
  return {p.batch * p.height * p.width * p.heads, 2 * p.head_dim + windows.side_h + windows.side_w};
}

Plan plan_of(const AttentionProblem& p) { return {p.batch * p.queries * p.heads, 2 * p.head_dim}; }

template <typename Problem>
Offer offer(const Problem& p, const TargetInfo& /*target*/) {
  if (std::string reason = check_problem(p); !reason.empty()) return Offer::no(std::move(reason));
  Offer offer;
  offer.workspace_bytes = plan_of(p).workspace();
  return offer;
}

void run_window(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<WindowAttentionProblem>&>(state).problem;
  const Windows windows(p);
  const Plan plan = plan_of(p);
  gpu::with_float_type(p.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    gpu::launch("window_attention_any", window_attention_any<T>, static_cast<unsigned>(plan.blocks),
                32 * kWarps, plan.shared_bytes(), args, static_cast<const T*>(args.inputs[0]),
                p.has_rel ? static_cast<const float*>(args.inputs[1]) : nullptr,
                p.has_rel ? static_cast<const float*>(args.inputs[2]) : nullptr,
                p.has_pad ? static_cast<const float*>(args.inputs[3]) : nullptr,
                static_cast<T*>(args.outputs[0]),
                WindowParameters{p.batch, p.height, p.width, p.heads, p.head_dim, windows.side_h,
                                 windows.side_w, p.scale},
                plan.scratch(args));
  });
}

void run_plain(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<AttentionProblem>&>(state).problem;
  const Plan plan = plan_of(p);
  const Index channels = p.heads * p.head_dim;
  gpu::with_float_type(p.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    gpu::launch("attention_any", attention_any<T>, static_cast<unsigned>(plan.blocks), 32 * kWarps,
                plan.shared_bytes(), args, static_cast<const T*>(args.inputs[0]),
                static_cast<const T*>(args.inputs[1]), static_cast<const T*>(args.inputs[2]),
                static_cast<T*>(args.outputs[0]),
                PlainParameters{p.batch, p.queries, p.keys, p.heads, p.head_dim,
                                p.q_batch == 1 ? 0 : p.queries * channels,
                                p.k_batch == 1 ? 0 : p.keys * channels,
                                p.v_batch == 1 ? 0 : p.keys * channels, p.scale},
                plan.scratch(args));
  });
}

}  // namespace

Kernel<WindowAttentionProblem> window_attention_cuda_any() {
  return {"any",
          Needs::gpu(),
          offer<WindowAttentionProblem>,
          nullptr,
          create_problem_state<WindowAttentionProblem>,
          run_window};
}

Kernel<AttentionProblem> attention_cuda_any() {
  return {"any",
          Needs::gpu(),
          offer<AttentionProblem>,
          nullptr,
          create_problem_state<AttentionProblem>,
          run_plain};
}

}  // namespace lasso::kernels
