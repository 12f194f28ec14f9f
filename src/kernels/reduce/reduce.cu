// Reductions. Operations over peak: less than 0.1. Bytes over bandwidth on an H200: the mean of
// SAM's image embedding over its pixels, [4096, 256] in float32, is 4 MB, 1 us at 4.3 TB/s. Such
// sums of many terms with few results are made in two steps, of slices first.
#include <type_traits>

#include "kernels/cuda/nest.cuh"
#include "kernels/reduce/reduce_cuda.h"
#include "kernels/reduce/reduce_terms.h"

namespace lasso::kernels {

namespace {

using gpu::Index;
using graph::ReduceKind;

constexpr int kBlock = 256;

// The terms of a result, or of a slice of one.
struct Terms {
  Index results = 0;
  Index count = 0;   // of a result
  Index slices = 1;  // parts of it that are reduced apart, next to one another in y
  float divisor = 1;
};

// A block has kResults neighbouring results: thread t takes every (kBlock / kResults)th term of
// result t % kResults, so that a warp reads neighbouring elements where the results are (kResults =
// 32) or where the terms are (kResults = 1).
template <typename T, int kResults>
__global__ void __launch_bounds__(kBlock)
    reduce(ReduceKind kind, const T* __restrict__ x, T* __restrict__ y, const Terms terms,
           const __grid_constant__ gpu::Nest<std::uint64_t> kept,
           const __grid_constant__ gpu::Nest<std::uint64_t> reduced) {
  constexpr int kLanes = kBlock / kResults;
  __shared__ T partial[kBlock];
  const int lane = static_cast<int>(threadIdx.x) / kResults;
  const Index of_block = static_cast<Index>(threadIdx.x) % kResults;
  const Index parts = (terms.results + kResults - 1) / kResults * terms.slices;
  for (Index part = blockIdx.x; part < parts; part += gridDim.x) {
    const Index slice = part % terms.slices;
    const Index result = part / terms.slices * kResults + of_block;
    T value = start_of<T>(kind);
    if (result < terms.results) {
      Index first = 0;
      Index unused = 0;
      kept.move(static_cast<std::uint64_t>(result), first, unused);
      // The terms are divided into slices as evenly as can be.
      const Index end = terms.count * (slice + 1) / terms.slices;
      for (Index k = terms.count * slice / terms.slices + lane; k < end; k += kLanes) {
        Index at = first;
        reduced.move(static_cast<std::uint64_t>(k), at, unused);
        value = combined(kind, value, x[at]);
      }
    }
    partial[threadIdx.x] = value;
    __syncthreads();
#pragma unroll
    for (int distance = kBlock / 2; distance >= kResults; distance /= 2) {
      if (static_cast<int>(threadIdx.x) < distance) {
        partial[threadIdx.x] =
            combined(kind, partial[threadIdx.x], partial[threadIdx.x + distance]);
      }
      __syncthreads();
    }
    if (lane == 0 && result < terms.results) {
      T& to = y[result * terms.slices + slice];
      to = partial[threadIdx.x];
      if constexpr (std::is_floating_point_v<T>) to /= terms.divisor;
    }
    __syncthreads();  // before the next part is written
  }
}

// Loops of one turn are left out, and neighbours that run on are merged.
std::vector<gpu::Loop> merged(const std::vector<ReduceLoop>& loops) {
  std::vector<gpu::Loop> result;
  for (const ReduceLoop& loop : loops) {
    if (loop.count == 1) continue;
    if (!result.empty() && result.back().strides[0] == loop.stride * loop.count) {
      result.back() = {result.back().count * loop.count, {loop.stride, 0}};
    } else {
      result.push_back({loop.count, {loop.stride, 0}});
    }
  }
  return result;
}

class ReduceState : public KernelState {
 public:
  explicit ReduceState(const ReduceProblem& p)
      : kind(p.kind), dtype(p.dtype), kept(merged(p.kept)), reduced(merged(p.reduced)) {
    terms.results = gpu::positions(kept);
    terms.count = gpu::positions(reduced);
    // Neighbouring threads take neighbouring results where those lie closer than the terms do, or
    // there are few of these.
    constexpr Index kFar = Index{1} << 62;
    const Index result_stride = kept.empty() ? kFar : kept.back().strides[0];
    const Index term_stride = reduced.empty() ? kFar : reduced.back().strides[0];
    columns = result_stride < term_stride || terms.count <= 64;
    const Index least_of_slice = 16 * (columns ? kBlock / 32 : kBlock);  // 16 terms of a thread
    constexpr Index kEnoughBlocks = 512;
    const Index blocks = columns ? (terms.results + 31) / 32 : terms.results;
    if (blocks > 0 && blocks < kEnoughBlocks) {
      terms.slices = std::clamp<Index>(terms.count / least_of_slice, 1, kEnoughBlocks / blocks);
    }
    divisor = p.kind == ReduceKind::kMean ? static_cast<float>(terms.count) : 1.0F;
  }

  std::size_t workspace_bytes() const {
    return terms.slices == 1
               ? 0
               : static_cast<std::size_t>(terms.results * terms.slices) * size_of(dtype);
  }

  ReduceKind kind;
  DType dtype;
  std::vector<gpu::Loop> kept;
  std::vector<gpu::Loop> reduced;
  Terms terms;
  bool columns = false;
  float divisor = 1;
};

template <typename T>
void start(ReduceKind kind, bool columns, const T* x, T* y, const Terms& terms,
           std::span<const gpu::Loop> kept, std::span<const gpu::Loop> reduced,
           const KernelArgs& args) {
  // Counts of 0 have no positions, and are not divided by.
  const gpu::Nest<std::uint64_t> terms_nest(terms.count == 0 ? std::span<const gpu::Loop>{}
                                                             : reduced);
  const gpu::Nest<std::uint64_t> kept_nest(kept);
  const Index results = columns ? (terms.results + 31) / 32 : terms.results;
  gpu::launch("reduce", columns ? reduce<T, 32> : reduce<T, 1>,
              gpu::blocks_for(results * terms.slices, 1), kBlock, 0, args, kind, x, y, terms,
              kept_nest, terms_nest);
}

template <typename T>
void run_type(const ReduceState& s, const KernelArgs& args) {
  const auto* x = static_cast<const T*>(args.inputs[0]);
  auto* y = static_cast<T*>(args.outputs[0]);
  Terms terms = s.terms;
  if (terms.slices == 1) {
    terms.divisor = s.divisor;
    start<T>(s.kind, s.columns, x, y, terms, s.kept, s.reduced, args);
    return;
  }
  auto* slices = reinterpret_cast<T*>(args.workspace);
  start<T>(s.kind, s.columns, x, slices, terms, s.kept, s.reduced, args);
  const gpu::Loop results{terms.results, {terms.slices, 0}};
  const gpu::Loop of_result{terms.slices, {1, 0}};
  start<T>(s.kind, false, slices, y,
           {.results = terms.results, .count = terms.slices, .slices = 1, .divisor = s.divisor},
           {&results, 1}, {&of_result, 1}, args);
}

void run(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const ReduceState&>(state);
  if (s.terms.results == 0) return;
  with_term_type(s.dtype,
                 [&](auto* type) { run_type<std::remove_pointer_t<decltype(type)>>(s, args); });
}

Offer offer(const ReduceProblem& p, const TargetInfo& /*target*/) {
  if (!reduces(p.dtype, p.kind)) return Offer::no("neither float32 nor int32");
  const ReduceState state(p);
  if (state.kept.size() > gpu::kMaxLoops || state.reduced.size() > gpu::kMaxLoops) {
    return Offer::no("more than 8 dimensions");
  }
  Offer offer;
  offer.workspace_bytes = state.workspace_bytes();
  return offer;
}

std::unique_ptr<KernelState> create(const ReduceProblem& p, const TargetInfo& /*target*/,
                                    const Offer& /*offer*/) {
  return std::make_unique<ReduceState>(p);
}

}  // namespace

const std::vector<Kernel<ReduceProblem>>& reduce_cuda_kernels() {
  static const std::vector<Kernel<ReduceProblem>> list{
      {"tree", Needs::gpu(), offer, nullptr, create, run}};
  return list;
}

}  // namespace lasso::kernels
