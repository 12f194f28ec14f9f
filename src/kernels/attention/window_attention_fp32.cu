// Window attention in float32.
//
// For the sizes of SAM (H200: 67 TFLOP/s, 4.3 TB/s): global attention of a head, M = N = 4096,
// d = 64: 4 M N d = 4.3 GFLOP, 64 us of the whole GPU, against 4 MB read and written, 1 us. A
// window of 196 tokens: 9.8 MFLOP, 0.15 us, against 200 kB, 0.05 us.
//
// A block of 16 x 16 threads computes 64 queries of one head of one window against 64 keys at a
// time: thread (ty, tx) has the scores of queries 4 ty to 4 ty + 3 and keys 4 tx to 4 tx + 3, then
// the same queries' columns of the result. Position terms come from the same products, of queries
// and rows of the tables, and stay in shared memory.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "kernels/attention/attention_cuda_rows.h"
#include "kernels/attention/window_block.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/mma.cuh"

namespace lasso::kernels {

namespace {

using gpu::Index;
using gpu::WindowParameters;
constexpr int kThreads = 256;
constexpr int kTile = 64;       // queries and keys
constexpr int kRelStride = 65;  // of position terms [row or column of keys][query]

// Floats of shared memory: Q^T, K^T (and P^T after it), V, position terms.
template <int D>
struct Layout {
  static constexpr int kKeys = D * kTile;
  static constexpr int kValues = kKeys + (D > kTile ? D : kTile) * kTile;
  static constexpr int kTerms = kValues + kTile * D;
  static std::size_t bytes(Index sides) { return sizeof(float) * (kTerms + sides * kRelStride); }
};

// Where element (row, column) of a matrix [rows][64] lies. Four columns stay together; their order
// changes from four rows to four rows, so that rows four apart lie in different banks.
__device__ __forceinline__ int place(int row, int column) {
  return row * kTile + ((column / 4) ^ (row / 4 % 16)) * 4 + column % 4;
}

// Writes 64 rows of head_dim numbers as columns of to [D][64]; at(row) is null for a row of zeros.
template <int D, typename F>
__device__ __forceinline__ void load_transposed(float* to, int head_dim, const F& at) {
  for (int i = static_cast<int>(threadIdx.x); i < kTile * (D / 4); i += kThreads) {
    const int row = i / (D / 4);
    const int column = i % (D / 4) * 4;
    const float* from = column < head_dim ? at(row) : nullptr;
    const float4 x =
        from != nullptr ? *reinterpret_cast<const float4*>(from + column) : float4{0, 0, 0, 0};
    to[place(column, row)] = x.x;
    to[place(column + 1, row)] = x.y;
    to[place(column + 2, row)] = x.z;
    to[place(column + 3, row)] = x.w;
  }
}

// products[i][j] = column 4 ty + i of a . column 4 tx + j of b, both [D][64].
template <int D>
__device__ __forceinline__ void multiply(const float* a, const float* b, float (&products)[4][4]) {
  const int tx = static_cast<int>(threadIdx.x) % 16;
  const int ty = static_cast<int>(threadIdx.x) / 16;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
#pragma unroll
    for (int j = 0; j < 4; ++j) products[i][j] = 0;
  }
#pragma unroll 8
  for (int k = 0; k < D; ++k) {
    const float4 x = *reinterpret_cast<const float4*>(a + place(k, 4 * ty));
    const float4 y = *reinterpret_cast<const float4*>(b + place(k, 4 * tx));
    const float left[4] = {x.x, x.y, x.z, x.w};
    const float right[4] = {y.x, y.y, y.z, y.w};
#pragma unroll
    for (int i = 0; i < 4; ++i) {
#pragma unroll
      for (int j = 0; j < 4; ++j) products[i][j] = fmaf(left[i], right[j], products[i][j]);
    }
  }
}

// A thread's D / 16 columns of the result: four from each 64, the rest side by side.
template <int D>
__device__ __forceinline__ int column_of(int i) {
  const int tx = static_cast<int>(threadIdx.x) % 16;
  if (i < D / 64 * 4) return i / 4 * 64 + tx * 4 + i % 4;
  return D / 64 * 64 + tx * (D % 64 / 16) + i - D / 64 * 4;
}

// terms[at[i] + side - 1 - j][query] = log2 e q . table[j]
template <int D>
__device__ __forceinline__ void relate(const float* table, int side, const int (&at)[4],
                                       int head_dim, const float* q, float* scratch, float* terms) {
  const int tx = static_cast<int>(threadIdx.x) % 16;
  const int ty = static_cast<int>(threadIdx.x) / 16;
  const int rows = 2 * side - 1;
  for (int first = 0; first < rows; first += kTile) {
    __syncthreads();
    load_transposed<D>(scratch, head_dim, [&](int row) {
      return first + row < rows ? table + static_cast<Index>(first + row) * head_dim : nullptr;
    });
    __syncthreads();
    float products[4][4];
    multiply<D>(q, scratch, products);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const int to = at[i] + side - 1 - (first + 4 * tx + j);
        if (to >= 0 && to < side) terms[to * kRelStride + 4 * ty + i] = kLog2e * products[i][j];
      }
    }
  }
}

template <int D>
__global__ void __launch_bounds__(kThreads, D <= 80 ? 2 : 1)
    window_attention_fp32(const WindowParameters p) {
  extern __shared__ __align__(16) float shared[];
  float* const q = shared;
  float* const k = shared + Layout<D>::kKeys;
  float* const v = shared + Layout<D>::kValues;
  float* const terms_h = shared + Layout<D>::kTerms;
  float* const terms_w = terms_h + p.side_h * kRelStride;
  const int tx = static_cast<int>(threadIdx.x) % 16;
  const int ty = static_cast<int>(threadIdx.x) / 16;

  const auto [query_block, head, image_tokens, top, left, row_width, queries] =
      gpu::window_block(p);
  const int first = query_block * kTile;
  if (first >= queries) return;
  const Index channels = static_cast<Index>(p.heads) * p.head_dim;
  const float* qkv =
      static_cast<const float*>(p.qkv) + image_tokens * 3 * channels + head * p.head_dim;
  const float* pad = p.pad == nullptr ? nullptr : p.pad + head * p.head_dim;
  const auto token_at = [&](int y, int x) {
    return static_cast<Index>(top + y) * p.width + left + x;
  };
  load_transposed<D>(q, p.head_dim, [&](int row) -> const float* {
    const int query = first + row;
    if (query >= queries) return nullptr;
    return qkv + token_at(query / row_width, query % row_width) * 3 * channels;
  });
  int y[4];
  int x[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const int query = min(first + 4 * ty + i, queries - 1);
    y[i] = query / row_width;
    x[i] = query % row_width;
  }
  const bool has_terms = p.rel_h != nullptr;
  if (has_terms) {
    relate<D>(p.rel_h, p.side_h, y, p.head_dim, q, k, terms_h);
    relate<D>(p.rel_w, p.side_w, x, p.head_dim, q, k, terms_w);
  }

  float out[4][D / 16] = {};
  float sum[4] = {};  // of this thread's keys
  float m[4] = {-INFINITY, -INFINITY, -INFINITY, -INFINITY};
  const int keys = p.side_h * p.side_w;
  for (int start = 0; start < keys; start += kTile) {
    // Part 1 is a key, part 2 a value.
    const auto part_at = [&](int row, int part) -> const float* {
      const int key = start + row;
      if (key >= keys) return nullptr;
      const int ky = key / p.side_w;
      const int kx = key % p.side_w;
      if (top + ky < p.height && left + kx < p.width) {
        return qkv + token_at(ky, kx) * 3 * channels + part * channels;
      }
      return pad == nullptr ? nullptr : pad + part * channels;
    };
    __syncthreads();
    load_transposed<D>(k, p.head_dim, [&](int row) { return part_at(row, 1); });
    for (int i = static_cast<int>(threadIdx.x); i < kTile * (D / 4); i += kThreads) {
      const int column = i % (D / 4) * 4;
      const float* from = column < p.head_dim ? part_at(i / (D / 4), 2) : nullptr;
      *reinterpret_cast<float4*>(v + 4 * i) =
          from != nullptr ? *reinterpret_cast<const float4*>(from + column) : float4{0, 0, 0, 0};
    }
    __syncthreads();
    float s[4][4];
    multiply<D>(q, k, s);

    int ky = (start + 4 * tx) / p.side_w;
    int kx = (start + 4 * tx) % p.side_w;
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const bool exists = start + 4 * tx + j < keys;
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        float term = 0;
        if (has_terms && exists) {
          term = terms_h[ky * kRelStride + 4 * ty + i] + terms_w[kx * kRelStride + 4 * ty + i];
        }
        s[i][j] = exists ? fmaf(s[i][j], p.factor, term) : -INFINITY;
      }
      if (++kx == p.side_w) {
        kx = 0;
        ++ky;
      }
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      float largest = fmaxf(fmaxf(s[i][0], s[i][1]), fmaxf(s[i][2], s[i][3]));
#pragma unroll
      for (int step = 8; step > 0; step /= 2) {
        largest = fmaxf(largest, __shfl_xor_sync(0xFFFFFFFFU, largest, step));
      }
      largest = fmaxf(largest, m[i]);
      const float down = gpu::fast_exp2(m[i] - largest);
      m[i] = largest;
      sum[i] *= down;
#pragma unroll
      for (int c = 0; c < D / 16; ++c) out[i][c] *= down;
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        s[i][j] = gpu::fast_exp2(s[i][j] - largest);
        sum[i] += s[i][j];
      }
    }
    // P^T takes the place of K^T. A warp reads what it wrote.
    __syncthreads();
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      *reinterpret_cast<float4*>(k + place(4 * tx + j, 4 * ty)) =
          float4{s[0][j], s[1][j], s[2][j], s[3][j]};
    }
    __syncwarp();
#pragma unroll 8
    for (int key = 0; key < kTile; ++key) {
      const float4 weights = *reinterpret_cast<const float4*>(k + place(key, 4 * ty));
      const float weight[4] = {weights.x, weights.y, weights.z, weights.w};
      float value[D / 16];
#pragma unroll
      for (int c = 0; c < D / 64 * 4; c += 4) {
        const float4 four = *reinterpret_cast<const float4*>(v + key * D + column_of<D>(c));
        value[c] = four.x;
        value[c + 1] = four.y;
        value[c + 2] = four.z;
        value[c + 3] = four.w;
      }
#pragma unroll
      for (int c = D / 64 * 4; c < D / 16; ++c) value[c] = v[key * D + column_of<D>(c)];
#pragma unroll
      for (int i = 0; i < 4; ++i) {
#pragma unroll
        for (int c = 0; c < D / 16; ++c) out[i][c] = fmaf(weight[i], value[c], out[i][c]);
      }
    }
  }

#pragma unroll
  for (int i = 0; i < 4; ++i) {
    float total = sum[i];
#pragma unroll
    for (int step = 8; step > 0; step /= 2) total += __shfl_xor_sync(0xFFFFFFFFU, total, step);
    if (first + 4 * ty + i >= queries) continue;
    const float inverse = 1.0F / total;
    float* to = static_cast<float*>(p.out) + (image_tokens + token_at(y[i], x[i])) * channels +
                head * p.head_dim;
#pragma unroll
    for (int c = 0; c < D / 16; ++c) {
      const int column = column_of<D>(c);
      if (column < p.head_dim) to[column] = out[i][c] * inverse;
    }
  }
}

// Calls f with the width that a head is filled up to, as a constant.
template <typename F>
auto with_width(Index head_dim, const F& f) {
  if (head_dim <= 32) return f(std::integral_constant<int, 32>());
  if (head_dim <= 64) return f(std::integral_constant<int, 64>());
  if (head_dim <= 80) return f(std::integral_constant<int, 80>());
  return f(std::integral_constant<int, 128>());
}

std::size_t shared_bytes(const WindowAttentionProblem& p) {
  const Windows windows(p);
  const Index sides = p.has_rel ? windows.side_h + windows.side_w : 0;
  return with_width(p.head_dim, [&](auto width) { return Layout<width()>::bytes(sides); });
}

Index query_blocks(const WindowAttentionProblem& p) {
  const Windows windows(p);
  const Index queries = std::min(windows.side_h, p.height) * std::min(windows.side_w, p.width);
  return (queries + kTile - 1) / kTile;
}

Offer offer(const WindowAttentionProblem& p, const TargetInfo& target) {
  if (std::string reason = check_problem(p); !reason.empty()) return Offer::no(std::move(reason));
  if (p.dtype != DType::kF32) return Offer::no("another type than float32");
  if (p.head_dim % 4 != 0 || p.head_dim > 128) {
    return Offer::no("a head's width that is no multiple of 4, or more than 128");
  }
  const Windows windows(p);
  if (std::max(windows.side_h, windows.side_w) > 4096) {
    return Offer::no("windows of more than 4096 tokens a side");
  }
  if (shared_bytes(p) > shared_memory_limit(target)) {
    return Offer::no("position terms larger than shared memory");
  }
  if (p.height > INT32_MAX / 2 || p.width > INT32_MAX / 2 ||
      p.batch * windows.down * windows.across * p.heads * query_blocks(p) > INT32_MAX) {
    return Offer::no("more than 2^31 blocks");
  }
  return {};
}

std::unique_ptr<KernelState> create(const WindowAttentionProblem& p, const TargetInfo& /*target*/,
                                    const Offer& /*offer*/) {
  auto state = std::make_unique<gpu::WindowState>(p);
  const auto kernel = with_width(p.head_dim, [](auto width) -> void (*)(WindowParameters) {
    return window_attention_fp32<width()>;
  });
  state->use("window_attention_fp32", kernel, kThreads, shared_bytes(p), kTile);
  return state;
}

}  // namespace

Kernel<WindowAttentionProblem> window_attention_cuda_fp32() {
  return {"fp32", Needs::gpu(), offer, nullptr, create, gpu::run_window};
}

}  // namespace lasso::kernels
