// Operations along an axis. Operations over peak: less than 0.1. Bytes over bandwidth on an H200:
// the classes of a detector's 25200 boxes, [25200, 80] in float32, are 8 MB, 2 us at 4.3 TB/s.
#include <type_traits>

#include "kernels/axis/axis_cuda.h"
#include "kernels/cuda/nest.cuh"
#include "kernels/cuda/sort.cuh"

namespace lasso::kernels {

namespace {

using gpu::Index;
using gpu::SortKey;

constexpr int kThreads = 256;
constexpr int kSortThreads = 1024;

// NaN first: it is the largest, or what stands before the smallest.
template <typename T>
__device__ std::uint32_t rank_of(T x, bool largest) {
  if (largest || x != x) return gpu::order_of(x);
  return ~gpu::order_of(x);
}

// kLanes neighbouring threads have a row, whose best key is the largest: that of the best number
// and, of equal ones, of the first or the last position.
template <typename T, int kLanes>
__global__ void arg_reduce(const T* __restrict__ x, std::int32_t* __restrict__ y, const AxisRows of,
                           bool largest, bool last, Index rows) {
  const auto lane = static_cast<Index>(threadIdx.x) % kLanes;
  const Index step = gpu::position_step<Index>() / kLanes;
  for (Index row = gpu::first_position<Index>() / kLanes; row < rows; row += step) {
    const T* values = x + of.first(row, of.count);
    SortKey best = 0;
    for (Index i = lane; i < of.count; i += kLanes) {
      const auto position = static_cast<std::uint32_t>(i);
      const SortKey key =
          gpu::sort_key(rank_of(values[i * of.inner], largest), last ? position : ~position);
      best = key > best ? key : best;
    }
#pragma unroll
    for (int distance = kLanes / 2; distance > 0; distance /= 2) {
      const SortKey other = __shfl_xor_sync(0xFFFFFFFFU, best, distance);
      best = other > best ? other : best;
    }
    const auto position = static_cast<std::uint32_t>(best);
    if (lane == 0) y[row] = static_cast<std::int32_t>(last ? position : ~position);
  }
}

void run_arg_reduce(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<ArgReduceProblem>&>(state).problem;
  const Index rows = p.x.rows();
  // Neighbouring threads read neighbouring elements: of a row, or of neighbouring rows. A warp's
  // threads all go through its loop as often, because it is of one row, or none shares one.
  const bool of_row = p.x.inner == 1;
  with_number_type(p.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    gpu::launch("arg_reduce", of_row ? arg_reduce<T, 32> : arg_reduce<T, 1>,
                gpu::blocks_for(of_row ? rows * 32 : rows, kThreads), kThreads, 0, args,
                static_cast<const T*>(args.inputs[0]), static_cast<std::int32_t*>(args.outputs[0]),
                p.x, p.largest, p.last, rows);
  });
}

// A block takes rows in turn: it finds the k-th key, collects those up to it, and sorts them in its
// part of the workspace, which has room for `capacity` keys, a power of two.
template <typename T>
__global__ void __launch_bounds__(kSortThreads)
    top_k(const T* __restrict__ x, T* __restrict__ values, std::int32_t* __restrict__ indices,
          SortKey* __restrict__ workspace, const AxisRows of, Index k, Index capacity,
          bool largest) {
  __shared__ gpu::SelectScratch scratch;
  __shared__ int stored;
  SortKey* keys = workspace + static_cast<Index>(blockIdx.x) * capacity;
  const Index rows = of.outer * of.inner;
  for (Index row = blockIdx.x; row < rows; row += gridDim.x) {
    const T* from = x + of.first(row, of.count);
    const auto key_of = [&](Index i) {
      const std::uint32_t order = gpu::order_of(from[i * of.inner]);
      return gpu::sort_key(largest ? ~order : order, static_cast<std::uint32_t>(i));
    };
    const SortKey limit =
        k == of.count ? gpu::kNoKey : gpu::select_key(scratch, of.count, k, key_of);
    gpu::collect_keys(stored, of.count, limit, keys, key_of);
    for (Index i = k + threadIdx.x; i < capacity; i += blockDim.x) keys[i] = gpu::kNoKey;
    gpu::sort_keys(keys, capacity);
    const Index first = of.first(row, k);
    for (Index i = threadIdx.x; i < k; i += blockDim.x) {
      const auto position = static_cast<std::uint32_t>(keys[i]);
      values[first + i * of.inner] = from[static_cast<Index>(position) * of.inner];
      indices[first + i * of.inner] = static_cast<std::int32_t>(position);
    }
    __syncthreads();  // before the next row's keys
  }
}

Index blocks_of(const TopKProblem& p) {
  constexpr Index kMostBlocks = 1024;
  return std::min(p.x.rows(), kMostBlocks);
}

Offer offer_top_k(const TopKProblem& p, const TargetInfo& /*target*/) {
  Offer offer;
  offer.workspace_bytes =
      static_cast<std::size_t>(blocks_of(p) * gpu::power_of_two_from(p.k)) * sizeof(SortKey);
  return offer;
}

void run_top_k(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<TopKProblem>&>(state).problem;
  if (p.k == 0) return;
  with_number_type(p.dtype, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    gpu::launch("top_k", top_k<T>, static_cast<unsigned>(blocks_of(p)), kSortThreads, 0, args,
                static_cast<const T*>(args.inputs[0]), static_cast<T*>(args.outputs[0]),
                static_cast<std::int32_t*>(args.outputs[1]),
                reinterpret_cast<SortKey*>(args.workspace), p.x, p.k, gpu::power_of_two_from(p.k),
                p.largest);
  });
}

// A thread has a row, and adds in the order of the elements.
template <typename T>
__global__ void cum_sum(const T* __restrict__ x, T* __restrict__ y, const AxisRows of,
                        bool exclusive, bool reverse, Index rows) {
  for (auto row = gpu::first_position<Index>(); row < rows; row += gpu::position_step<Index>()) {
    const Index first = of.first(row, of.count);
    T sum = 0;
    for (Index i = 0; i < of.count; ++i) {
      const Index at = first + (reverse ? of.count - 1 - i : i) * of.inner;
      const T before = sum;
      sum += x[at];
      y[at] = exclusive ? before : sum;
    }
  }
}

template <typename T>
void start_cum_sum(const CumSumProblem& p, const KernelArgs& args) {
  gpu::launch("cum_sum", cum_sum<T>, gpu::blocks_for(p.x.rows(), kThreads), kThreads, 0, args,
              static_cast<const T*>(args.inputs[0]), static_cast<T*>(args.outputs[0]), p.x,
              p.exclusive, p.reverse, p.x.rows());
}

// Integers are added without their sign, and so wrap around.
void run_cum_sum(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<CumSumProblem>&>(state).problem;
  if (p.dtype == DType::kI32) {
    start_cum_sum<std::uint32_t>(p, args);
  } else {
    start_cum_sum<float>(p, args);
  }
}

}  // namespace

const std::vector<Kernel<ArgReduceProblem>>& arg_reduce_cuda_kernels() {
  static const std::vector<Kernel<ArgReduceProblem>> list{
      {"rows", Needs::gpu(), always<ArgReduceProblem>, nullptr,
       create_problem_state<ArgReduceProblem>, run_arg_reduce}};
  return list;
}

const std::vector<Kernel<TopKProblem>>& top_k_cuda_kernels() {
  static const std::vector<Kernel<TopKProblem>> list{
      {"select", Needs::gpu(), offer_top_k, nullptr, create_problem_state<TopKProblem>, run_top_k}};
  return list;
}

const std::vector<Kernel<CumSumProblem>>& cum_sum_cuda_kernels() {
  static const std::vector<Kernel<CumSumProblem>> list{
      {"rows", Needs::gpu(), always<CumSumProblem>, nullptr, create_problem_state<CumSumProblem>,
       run_cum_sum}};
  return list;
}

}  // namespace lasso::kernels
