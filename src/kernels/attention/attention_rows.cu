// Attention of the mask decoder: few queries on many keys, many queries on few keys, few on few;
// heads of 16 or 32.
//
// For the sizes of SAM: 7 queries on 4096 keys, 8 heads of 16, is 15 MFLOP on 4.2 MB of float32: 1
// us at 4.3 TB/s, 0.2 us at 67 TFLOP/s. For 64 prompts 63 us and 14 us. 4096 queries on 7 keys read
// and write as many bytes.
//
// Four lanes share a head, so that a warp reads a row of 8 heads as it lies; it keeps 8 queries and
// their sums in registers, and meets each key once. Where there are many queries the warps of a
// block take different ones, and find keys and values in the cache. Where there are few the warps
// take different keys, blocks too; a block adds up what its warps found, and a second kernel what
// blocks found, in a fixed order.
#include <algorithm>
#include <string>
#include <utility>

#include "kernels/attention/attention_cuda_rows.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/mma.cuh"
#include "kernels/cuda/nest.cuh"

namespace lasso::kernels {

namespace {

using gpu::Index;
constexpr int kWarps = 4;
constexpr int kQueries = 8;  // of a warp
constexpr int kHeads = 8;    // of a warp
constexpr unsigned kAll = 0xFFFFFFFFU;

struct Parameters {
  Index queries, keys;
  int heads;
  Index q_stride, k_stride, v_stride;  // from one of the batch to the next; 0 where all share it
  float factor;                        // scale log2 e
  int query_groups, head_groups, splits;
  Index keys_of_split;
};

// A lane's part of D numbers of a head: D / 4, four from each 16.
template <int D, typename T>
__device__ __forceinline__ void load_part(const T* head, float (&to)[D / 4]) {
#pragma unroll
  for (int i = 0; i < D / 16; ++i) {
    const auto four = gpu::load_vector<4>(head + i * 16 + threadIdx.x % 4 * 4);
#pragma unroll
    for (int j = 0; j < 4; ++j) to[4 * i + j] = gpu::to_float(four.values[j]);
  }
}

template <int D>
__device__ __forceinline__ int column_of(int i) {
  return i / 4 * 16 + static_cast<int>(threadIdx.x) % 4 * 4 + i % 4;
}

// What a lane knows of a head of 8 queries after some keys: sum = sum_n 2^(s_n - m), and its
// columns of out = sum_n 2^(s_n - m) v_n.
template <int D>
struct Sums {
  float m[kQueries];
  float sum[kQueries];
  float out[kQueries][D / 4];
};

// Adds keys begin, begin + step, ... below end, each with the Keys - 1 ones that follow it.
template <int D, int Keys, typename T>
__device__ __forceinline__ void attend(const float (&q)[kQueries][D / 4], const T* k, const T* v,
                                       Index stride, Index begin, Index end, Index step,
                                       Sums<D>& sums) {
#pragma unroll
  for (int i = 0; i < kQueries; ++i) {
    sums.m[i] = -INFINITY;
    sums.sum[i] = 0;
#pragma unroll
    for (int j = 0; j < D / 4; ++j) sums.out[i][j] = 0;
  }
  for (Index first = begin; first < end; first += step) {
    float key[Keys][D / 4];
    float value[Keys][D / 4];
#pragma unroll
    for (int n = 0; n < Keys; ++n) {
      const Index at = min(first + n, end - 1) * stride;
      load_part<D>(k + at, key[n]);
      load_part<D>(v + at, value[n]);
    }
#pragma unroll
    for (int i = 0; i < kQueries; ++i) {
      float score[Keys];
      float top = sums.m[i];
#pragma unroll
      for (int n = 0; n < Keys; ++n) {
        float product = 0;
#pragma unroll
        for (int j = 0; j < D / 4; ++j) product = fmaf(q[i][j], key[n][j], product);
        product += __shfl_xor_sync(kAll, product, 1);
        product += __shfl_xor_sync(kAll, product, 2);
        score[n] = first + n < end ? product : -INFINITY;
        top = fmaxf(top, score[n]);
      }
      const float down = gpu::fast_exp2(sums.m[i] - top);
      sums.m[i] = top;
      sums.sum[i] *= down;
#pragma unroll
      for (int j = 0; j < D / 4; ++j) sums.out[i][j] *= down;
#pragma unroll
      for (int n = 0; n < Keys; ++n) {
        const float p = gpu::fast_exp2(score[n] - top);
        sums.sum[i] += p;
#pragma unroll
        for (int j = 0; j < D / 4; ++j) {
          sums.out[i][j] = fmaf(p, value[n][j], sums.out[i][j]);
        }
      }
    }
  }
}

// The sum of `count` parts at `parts`, `stride` apart, each m, sum and D columns; of one column:
// calls store(m, sum, out).
template <int D, typename F>
__device__ __forceinline__ void add_parts(const float* parts, int count, Index stride, int column,
                                          const F& store) {
  float m = -INFINITY;
  for (int i = 0; i < count; ++i) m = fmaxf(m, parts[i * stride]);
  float sum = 0;
  float out = 0;
  for (int i = 0; i < count; ++i) {
    const float* part = parts + i * stride;
    // A part without keys has no share.
    const float weight = part[0] == -INFINITY ? 0.0F : gpu::fast_exp2(part[0] - m);
    sum = fmaf(weight, part[1], sum);
    out = fmaf(weight, part[2 + column], out);
  }
  store(m, sum, out);
}

// With SplitKeys a block has 8 queries and 8 heads, and its warps different keys; else each warp
// has its own queries. `partial` is [batch, query, head, split][m, sum, D columns].
template <typename T, int D, bool SplitKeys>
__global__ void __launch_bounds__(32 * kWarps)
    attention_rows(const T* q_in, const T* k, const T* v, T* out, float* partial,
                   const Parameters p) {
  constexpr int kKeys = 64 / D;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const Index channels = static_cast<Index>(p.heads) * D;
  unsigned block = blockIdx.x;
  const int split = static_cast<int>(block % p.splits);
  block /= p.splits;
  const int first_head = static_cast<int>(block % p.head_groups) * kHeads;
  block /= p.head_groups;
  const int blocks_of_queries = SplitKeys ? p.query_groups : (p.query_groups + kWarps - 1) / kWarps;
  const Index image = block / blocks_of_queries;
  const Index query_group = static_cast<Index>(block % blocks_of_queries);
  const Index first_query = (SplitKeys ? query_group : query_group * kWarps + warp) * kQueries;
  const int head = first_head + lane / 4;
  const bool has_head = head < p.heads;
  const Index at_head = static_cast<Index>(has_head ? head : p.heads - 1) * D;

  float q[kQueries][D / 4];
#pragma unroll
  for (int i = 0; i < kQueries; ++i) {
    const Index query = min(first_query + i, p.queries - 1);
    load_part<D>(q_in + image * p.q_stride + query * channels + at_head, q[i]);
#pragma unroll
    for (int j = 0; j < D / 4; ++j) q[i][j] *= p.factor;
  }
  const Index begin = split * p.keys_of_split;
  const Index end = min(p.keys, begin + p.keys_of_split);
  Sums<D> sums;
  attend<D, kKeys>(q, k + image * p.k_stride + at_head, v + image * p.v_stride + at_head, channels,
                   SplitKeys ? begin + warp * kKeys : begin, end,
                   SplitKeys ? kWarps * kKeys : kKeys, sums);

  if constexpr (!SplitKeys) {
#pragma unroll
    for (int i = 0; i < kQueries; ++i) {
      if (!has_head || first_query + i >= p.queries) continue;
      T* to = out + (image * p.queries + first_query + i) * channels + at_head;
      const float inverse = 1.0F / sums.sum[i];
#pragma unroll
      for (int j = 0; j < D / 4; ++j) {
        to[column_of<D>(j)] = gpu::from_float<T>(sums.out[i][j] * inverse);
      }
    }
  } else {
    // [warp][query][head][m, sum, D columns]
    constexpr int kPart = D + 2;
    constexpr int kWarpParts = kQueries * kHeads * kPart;
    __shared__ float parts[kWarps * kWarpParts];
#pragma unroll
    for (int i = 0; i < kQueries; ++i) {
      float* to = parts + warp * kWarpParts + (i * kHeads + lane / 4) * kPart;
      if (lane % 4 == 0) {
        to[0] = sums.m[i];
        to[1] = sums.sum[i];
      }
#pragma unroll
      for (int j = 0; j < D / 4; ++j) to[2 + column_of<D>(j)] = sums.out[i][j];
    }
    __syncthreads();
    for (int i = static_cast<int>(threadIdx.x); i < kQueries * kHeads * D; i += 32 * kWarps) {
      const int column = i % D;
      const int row = i / D;
      const int of_head = first_head + row % kHeads;
      const Index query = first_query + row / kHeads;
      if (of_head >= p.heads || query >= p.queries) continue;
      const Index place = (image * p.queries + query) * p.heads + of_head;
      add_parts<D>(parts + row * kPart, kWarps, kWarpParts, column,
                   [&](float m, float sum, float total) {
                     if (p.splits == 1) {
                       out[place * D + column] = gpu::from_float<T>(total / sum);
                       return;
                     }
                     float* to = partial + (place * p.splits + split) * kPart;
                     if (column == 0) {
                       to[0] = m;
                       to[1] = sum;
                     }
                     to[2 + column] = total;
                   });
    }
  }
}

constexpr int kSplitThreads = 128;

// Adds up the splits: a block for each query and head. D neighbours read a split's columns; groups
// of them take splits in turn, and their sums are added in the groups' order.
template <typename T, int D>
__global__ void __launch_bounds__(kSplitThreads)
    add_splits(const float* partial, T* out, int splits) {
  constexpr int kPart = D + 2;
  constexpr int kGroups = kSplitThreads / D;
  __shared__ float sums[kGroups][D + 1];
  const float* parts = partial + static_cast<Index>(blockIdx.x) * splits * kPart;
  const int group = static_cast<int>(threadIdx.x) / D;
  const int column = static_cast<int>(threadIdx.x) % D;
  float m = -INFINITY;
  for (int i = static_cast<int>(threadIdx.x) % 32; i < splits; i += 32) {
    m = fmaxf(m, parts[i * kPart]);
  }
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) {
    m = fmaxf(m, __shfl_xor_sync(kAll, m, distance));
  }
  float sum = 0;
  float total = 0;
#pragma unroll 4
  for (int i = group; i < splits; i += kGroups) {
    const float* part = parts + i * kPart;
    // A split has keys, but its scores may all be -infinity.
    const float weight = part[0] == -INFINITY ? 0.0F : gpu::fast_exp2(part[0] - m);
    sum = fmaf(weight, part[1], sum);
    total = fmaf(weight, part[2 + column], total);
  }
  sums[group][column] = total;
  if (column == 0) sums[group][D] = sum;
  __syncthreads();
  if (group > 0) return;
  total = 0;
  sum = 0;
#pragma unroll
  for (int i = 0; i < kGroups; ++i) {
    total += sums[i][column];
    sum += sums[i][D];
  }
  out[static_cast<Index>(blockIdx.x) * D + column] = gpu::from_float<T>(total / sum);
}

constexpr Index kLeastKeysOfSplit = 32;
constexpr Index kFewKeys = 64;

class RowsState : public KernelState {
 public:
  RowsState(const AttentionProblem& problem, const TargetInfo& target) : problem(problem) {
    const Index multiprocessors = std::max(1, target.multiprocessors);
    const Index channels = problem.heads * problem.head_dim;
    parameters.queries = problem.queries;
    parameters.keys = problem.keys;
    parameters.heads = static_cast<int>(problem.heads);
    parameters.q_stride = problem.q_batch == 1 ? 0 : problem.queries * channels;
    parameters.k_stride = problem.k_batch == 1 ? 0 : problem.keys * channels;
    parameters.v_stride = problem.v_batch == 1 ? 0 : problem.keys * channels;
    parameters.factor = problem.scale * kLog2e;
    const Index query_groups = (problem.queries + kQueries - 1) / kQueries;
    const Index head_groups = (problem.heads + kHeads - 1) / kHeads;
    const Index groups = problem.batch * query_groups * head_groups;
    split_keys = problem.keys > kFewKeys && groups < 8 * multiprocessors;
    Index splits = 1;
    if (split_keys && groups > 0) {
      // Registers leave room for three blocks on a multiprocessor.
      splits = std::clamp<Index>(3 * multiprocessors / groups, 1,
                                 (problem.keys + kLeastKeysOfSplit - 1) / kLeastKeysOfSplit);
    }
    parameters.keys_of_split = (problem.keys + splits - 1) / splits;
    // No split is without keys.
    splits = (problem.keys + parameters.keys_of_split - 1) / parameters.keys_of_split;
    parameters.query_groups = static_cast<int>(query_groups);
    parameters.head_groups = static_cast<int>(head_groups);
    parameters.splits = static_cast<int>(splits);
    blocks = split_keys ? groups * splits
                        : problem.batch * head_groups * ((query_groups + kWarps - 1) / kWarps);
  }
  std::size_t workspace() const {
    if (parameters.splits == 1) return 0;
    return sizeof(float) * problem.batch * problem.queries * problem.heads * parameters.splits *
           (problem.head_dim + 2);
  }

  AttentionProblem problem;
  Parameters parameters = {};
  bool split_keys = false;
  Index blocks = 0;
};

Offer offer(const AttentionProblem& p, const TargetInfo& target) {
  if (std::string reason = check_problem(p); !reason.empty()) return Offer::no(std::move(reason));
  if (p.head_dim != 16 && p.head_dim != 32) return Offer::no("a head's width other than 16 and 32");
  if (p.queries > INT32_MAX || p.heads > INT32_MAX / 32) return Offer::no("more than 2^31 queries");
  const RowsState state(p, target);
  if (state.blocks > INT32_MAX) return Offer::no("more than 2^31 blocks");
  Offer offer;
  offer.workspace_bytes = state.workspace();
  return offer;
}

std::unique_ptr<KernelState> create(const AttentionProblem& p, const TargetInfo& target,
                                    const Offer& /*offer*/) {
  return std::make_unique<RowsState>(p, target);
}

template <typename T, int D>
void run_of(const RowsState& state, const KernelArgs& args) {
  const AttentionProblem& p = state.problem;
  auto* partial = reinterpret_cast<float*>(args.workspace);
  auto* out = static_cast<T*>(args.outputs[0]);
  gpu::launch("attention_rows",
              state.split_keys ? attention_rows<T, D, true> : attention_rows<T, D, false>,
              static_cast<unsigned>(state.blocks), 32 * kWarps, 0, args,
              static_cast<const T*>(args.inputs[0]), static_cast<const T*>(args.inputs[1]),
              static_cast<const T*>(args.inputs[2]), out, partial, state.parameters);
  if (state.parameters.splits == 1) return;
  gpu::launch("add_splits", add_splits<T, D>, static_cast<unsigned>(p.batch * p.queries * p.heads),
              kSplitThreads, 0, args, static_cast<const float*>(partial), out,
              state.parameters.splits);
}

void run(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const RowsState&>(state);
  gpu::with_float_type(s.problem.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    s.problem.head_dim == 16 ? run_of<T, 16>(s, args) : run_of<T, 32>(s, args);
  });
}

}  // namespace

Kernel<AttentionProblem> attention_cuda_rows() {
  return {"rows", Needs::gpu(), offer, nullptr, create, run};
}

}  // namespace lasso::kernels
