// Reads and writes at indices. They compute next to nothing: operations over peak 0. Bytes over
// bandwidth on an H200: the best 300 of a detector's 25200 boxes, [300, 85] in float32, are 0.1 MB
// read and as many written, less than a launch takes.
//
// Updates of one element are applied in their order by one thread. Where there are few columns or
// slices, each has several threads, which all go through its indices and apply those of their part.
#include "kernels/cuda/nest.cuh"
#include "kernels/indices/indices_cuda.h"
#include "kernels/indices/updates.h"
#include "kernels/wrapped_index.h"

namespace lasso::kernels {

namespace {

using gpu::Index;

constexpr int kThreads = 256;

// Elements of the result at every position of the nest, whose operands are x and the indices.
template <typename Unit, typename T>
__global__ void gather_elements(const Unit* __restrict__ x, const std::int32_t* __restrict__ index,
                                Unit* __restrict__ y, const IndexedAxis axis,
                                const __grid_constant__ gpu::Nest<T> nest, T count) {
  for (T i = gpu::first_position<T>(); i < count; i += gpu::position_step<T>()) {
    Index from = 0;
    Index at = 0;
    nest.move(i, from, at);
    y[at] = x[from + wrapped_index(index[at], axis.rows) * axis.row_stride];
  }
}

std::vector<gpu::Loop> loops_of(const std::vector<IndexLoop>& from) {
  std::vector<gpu::Loop> loops;
  for (const IndexLoop& loop : from) {
    if (loop.count != 1) loops.push_back({loop.count, {loop.x_stride, loop.index_stride}});
  }
  return loops;
}

void run_gather_elements(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<GatherElementsProblem>&>(state).problem;
  if (p.results() == 0) return;
  gpu::for_each_nest(loops_of(p.loops), 0, 0, [&](auto loops, Index x, Index index) {
    const Index count = gpu::positions(loops);
    gpu::with_unit_type(p.element_bytes, [&](auto* type) {
      using Unit = std::remove_pointer_t<decltype(type)>;
      gpu::with_position_type(count, [&](auto zero) {
        using T = decltype(zero);
        gpu::launch("gather_elements", gather_elements<Unit, T>, gpu::blocks_for(count, kThreads),
                    kThreads, 0, args, static_cast<const Unit*>(args.inputs[0]) + x,
                    static_cast<const std::int32_t*>(args.inputs[1]) + index,
                    static_cast<Unit*>(args.outputs[0]) + index, p.axis, gpu::Nest<T>(loops),
                    static_cast<T>(count));
      });
    });
  });
}

// IndexTuples as a kernel takes them.
struct Tuples {
  explicit Tuples(const IndexTuples& from) : length(static_cast<int>(from.sizes.size())) {
    for (int i = 0; i < length; ++i) {
      sizes[i] = from.sizes[static_cast<std::size_t>(i)];
      strides[i] = from.strides[static_cast<std::size_t>(i)];
    }
  }
  __device__ Index slice(const std::int32_t* tuple) const {
    Index slice = 0;
    for (int i = 0; i < length; ++i) slice += wrapped_index(tuple[i], sizes[i]) * strides[i];
    return slice;
  }

  int length = 0;
  Index sizes[gpu::kMaxLoops] = {};
  Index strides[gpu::kMaxLoops] = {};
};

// A unit of a slice at every position; a batch has `count` tuples and `slices` slices.
template <typename Unit>
__global__ void gather_nd(const Unit* __restrict__ x, const std::int32_t* __restrict__ index,
                          Unit* __restrict__ y, const __grid_constant__ Tuples tuples, Index count,
                          Index slices, Index slice_units, Index positions) {
  for (auto i = gpu::first_position<Index>(); i < positions; i += gpu::position_step<Index>()) {
    const Index tuple = i / slice_units;
    const Index slice = tuple / count * slices + tuples.slice(index + tuple * tuples.length);
    y[i] = x[slice * slice_units + i % slice_units];
  }
}

void run_gather_nd(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<GatherNdProblem>&>(state).problem;
  const Index slice_bytes = p.tuples.slice * p.element_bytes;
  const Index bytes = gpu::common_unit(std::span(&slice_bytes, 1));
  const Index units = slice_bytes / bytes;
  const Index count = p.batches * p.tuples.count * units;
  if (count == 0) return;
  gpu::with_unit_type(bytes, [&](auto* type) {
    using Unit = std::remove_pointer_t<decltype(type)>;
    gpu::launch("gather_nd", gather_nd<Unit>, gpu::blocks_for(count, kThreads), kThreads, 0, args,
                static_cast<const Unit*>(args.inputs[0]),
                static_cast<const std::int32_t*>(args.inputs[1]),
                static_cast<Unit*>(args.outputs[0]), Tuples(p.tuples), p.tuples.count,
                p.tuples.slices(), units, count);
  });
}

// How many threads share a column or a slice's element, of which there are `count`, each with so
// many targets.
Index parts_of(Index count, Index targets) {
  constexpr Index kEnoughThreads = 16384;
  return std::clamp<Index>(kEnoughThreads / std::max<Index>(count, 1), 1,
                           std::max<Index>(targets, 1));
}

void copy_input(const KernelArgs& args, Index bytes) {
  if (bytes == 0) return;
  LASSO_CUDA_CHECK(cudaMemcpyAsync(args.outputs[0], args.inputs[0], static_cast<std::size_t>(bytes),
                                   cudaMemcpyDeviceToDevice, cuda::stream_of(args).handle()));
}

// The updates of a column, and those that a thread applies: of rows that are `part` modulo `parts`.
struct Column {
  IndexedAxis axis;
  Index updates = 0;
  Index update_stride = 1;
  Index parts = 1;
};

template <typename T>
__global__ void scatter_elements(graph::Reduction reduction, const std::int32_t* __restrict__ index,
                                 const T* __restrict__ updates, T* __restrict__ y,
                                 const Column column,
                                 const __grid_constant__ gpu::Nest<std::uint64_t> nest,
                                 Index columns) {
  const Index count = columns * column.parts;
  for (auto i = gpu::first_position<Index>(); i < count; i += gpu::position_step<Index>()) {
    const Index part = i / columns;
    Index to = 0;
    Index from = 0;
    nest.move(static_cast<std::uint64_t>(i - part * columns), to, from);
    for (Index k = 0; k < column.updates; ++k, from += column.update_stride) {
      const Index row = wrapped_index(index[from], column.axis.rows);
      if (column.parts > 1 && row % column.parts != part) continue;
      T& element = y[to + row * column.axis.row_stride];
      element = updated(reduction, element, updates[from]);
    }
  }
}

void run_scatter_elements(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<ScatterElementsProblem>&>(state).problem;
  copy_input(args, p.elements * static_cast<Index>(size_of(p.rule.dtype)));
  if (p.columns() == 0 || p.updates == 0) return;
  gpu::for_each_nest(loops_of(p.loops), 0, 0, [&](auto loops, Index y, Index from) {
    const Index columns = gpu::positions(loops);
    const Column column{p.axis, p.updates, p.update_stride, parts_of(columns, p.axis.rows)};
    with_update_type(p.rule, [&](auto* type) {
      using T = std::remove_pointer_t<decltype(type)>;
      gpu::launch("scatter_elements", scatter_elements<T>,
                  gpu::blocks_for(columns * column.parts, kThreads), kThreads, 0, args,
                  p.rule.reduction, static_cast<const std::int32_t*>(args.inputs[1]) + from,
                  static_cast<const T*>(args.inputs[2]) + from,
                  static_cast<T*>(args.outputs[0]) + y, column, gpu::Nest<std::uint64_t>(loops),
                  columns);
    });
  });
}

template <typename T>
__global__ void scatter_nd(graph::Reduction reduction, const std::int32_t* __restrict__ index,
                           const T* __restrict__ updates, T* __restrict__ y,
                           const __grid_constant__ Tuples tuples, Index count, Index slice,
                           Index parts) {
  const Index positions = slice * parts;
  for (auto i = gpu::first_position<Index>(); i < positions; i += gpu::position_step<Index>()) {
    const Index part = i / slice;
    const Index element = i - part * slice;
    for (Index k = 0; k < count; ++k) {
      const Index target = tuples.slice(index + k * tuples.length);
      if (parts > 1 && target % parts != part) continue;
      T& to = y[target * slice + element];
      to = updated(reduction, to, updates[k * slice + element]);
    }
  }
}

void run_scatter_nd(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<ScatterNdProblem>&>(state).problem;
  const IndexTuples& tuples = p.tuples;
  copy_input(args, tuples.slices() * tuples.slice * static_cast<Index>(size_of(p.rule.dtype)));
  if (tuples.count == 0 || tuples.slice == 0) return;
  const Index parts = parts_of(tuples.slice, tuples.slices());
  with_update_type(p.rule, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    gpu::launch("scatter_nd", scatter_nd<T>, gpu::blocks_for(tuples.slice * parts, kThreads),
                kThreads, 0, args, p.rule.reduction,
                static_cast<const std::int32_t*>(args.inputs[1]),
                static_cast<const T*>(args.inputs[2]), static_cast<T*>(args.outputs[0]),
                Tuples(tuples), tuples.count, tuples.slice, parts);
  });
}

bool is_too_long(const IndexTuples& tuples) { return tuples.sizes.size() > gpu::kMaxLoops; }

Offer offer_gather_nd(const GatherNdProblem& p, const TargetInfo& /*target*/) {
  return is_too_long(p.tuples) ? Offer::no("more than 8 indices in a tuple") : Offer{};
}

Offer offer_scatter_elements(const ScatterElementsProblem& p, const TargetInfo& /*target*/) {
  return Offer::no(p.rule.refused());  // an offer where there is no reason
}

Offer offer_scatter_nd(const ScatterNdProblem& p, const TargetInfo& /*target*/) {
  if (is_too_long(p.tuples)) return Offer::no("more than 8 indices in a tuple");
  return Offer::no(p.rule.refused());  // an offer where there is no reason
}

}  // namespace

const std::vector<Kernel<GatherElementsProblem>>& gather_elements_cuda_kernels() {
  static const std::vector<Kernel<GatherElementsProblem>> list{
      {"plain", Needs::gpu(), always<GatherElementsProblem>, nullptr,
       create_problem_state<GatherElementsProblem>, run_gather_elements}};
  return list;
}

const std::vector<Kernel<GatherNdProblem>>& gather_nd_cuda_kernels() {
  static const std::vector<Kernel<GatherNdProblem>> list{
      {"units", Needs::gpu(), offer_gather_nd, nullptr, create_problem_state<GatherNdProblem>,
       run_gather_nd}};
  return list;
}

const std::vector<Kernel<ScatterElementsProblem>>& scatter_elements_cuda_kernels() {
  static const std::vector<Kernel<ScatterElementsProblem>> list{
      {"columns", Needs::gpu(), offer_scatter_elements, nullptr,
       create_problem_state<ScatterElementsProblem>, run_scatter_elements}};
  return list;
}

const std::vector<Kernel<ScatterNdProblem>>& scatter_nd_cuda_kernels() {
  static const std::vector<Kernel<ScatterNdProblem>> list{
      {"slices", Needs::gpu(), offer_scatter_nd, nullptr, create_problem_state<ScatterNdProblem>,
       run_scatter_nd}};
  return list;
}

}  // namespace lasso::kernels
