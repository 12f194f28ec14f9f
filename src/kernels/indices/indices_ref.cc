// The specification of the operations that read and write at indices.
#include "core/bytes.h"
#include "core/threads.h"
#include "kernels/indices/indices.h"
#include "kernels/indices/updates.h"
#include "kernels/wrapped_index.h"

namespace lasso::kernels {

namespace {

// Where x and the indices stand at a position of the loops, counted row by row.
struct Place {
  std::int64_t x = 0;
  std::int64_t index = 0;
};
Place place_of(const std::vector<IndexLoop>& loops, std::int64_t position) {
  Place place;
  for (std::size_t i = loops.size(); i-- > 0;) {
    const std::int64_t turn = position % loops[i].count;
    place.x += turn * loops[i].x_stride;
    place.index += turn * loops[i].index_stride;
    position /= loops[i].count;
  }
  return place;
}

// The slice that a tuple names.
std::int64_t slice_of(const IndexTuples& tuples, const std::int32_t* tuple) {
  std::int64_t slice = 0;
  for (std::size_t i = 0; i < tuples.sizes.size(); ++i) {
    slice += wrapped_index(tuple[i], tuples.sizes[i]) * tuples.strides[i];
  }
  return slice;
}

void copy_all(const void* from, void* to, std::int64_t bytes) {
  parallel_ranges(bytes, [&](std::int64_t begin, std::int64_t end) {
    copy_bytes(static_cast<std::byte*>(to) + begin, static_cast<const std::byte*>(from) + begin,
               static_cast<std::size_t>(end - begin));
  });
}

void run_gather_elements(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<GatherElementsProblem>&>(state).problem;
  const auto* x = static_cast<const std::byte*>(args.inputs[0]);
  const auto* index = static_cast<const std::int32_t*>(args.inputs[1]);
  auto* y = static_cast<std::byte*>(args.outputs[0]);
  parallel_ranges(p.results(), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t row = wrapped_index(index[i], p.axis.rows);
      const std::int64_t from = place_of(p.loops, i).x + row * p.axis.row_stride;
      copy_bytes(y + i * p.element_bytes, x + from * p.element_bytes,
                 static_cast<std::size_t>(p.element_bytes));
    }
  });
}

void run_gather_nd(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<GatherNdProblem>&>(state).problem;
  const auto* x = static_cast<const std::byte*>(args.inputs[0]);
  const auto* index = static_cast<const std::int32_t*>(args.inputs[1]);
  auto* y = static_cast<std::byte*>(args.outputs[0]);
  const auto length = static_cast<std::int64_t>(p.tuples.sizes.size());
  const std::int64_t slice_bytes = p.tuples.slice * p.element_bytes;
  parallel_ranges(p.batches * p.tuples.count, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t slice =
          i / p.tuples.count * p.tuples.slices() + slice_of(p.tuples, index + i * length);
      copy_bytes(y + i * slice_bytes, x + slice * slice_bytes,
                 static_cast<std::size_t>(slice_bytes));
    }
  });
}

void run_scatter_elements(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<ScatterElementsProblem>&>(state).problem;
  const auto* index = static_cast<const std::int32_t*>(args.inputs[1]);
  copy_all(args.inputs[0], args.outputs[0],
           p.elements * static_cast<std::int64_t>(size_of(p.rule.dtype)));
  with_update_type(p.rule, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const auto* updates = static_cast<const T*>(args.inputs[2]);
    auto* y = static_cast<T*>(args.outputs[0]);
    parallel_ranges(p.columns(), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t column = begin; column < end; ++column) {
        const Place place = place_of(p.loops, column);
        for (std::int64_t k = 0; k < p.updates; ++k) {
          const std::int64_t from = place.index + k * p.update_stride;
          const std::int64_t row = wrapped_index(index[from], p.axis.rows);
          T& element = y[place.x + row * p.axis.row_stride];
          element = updated(p.rule.reduction, element, updates[from]);
        }
      }
    });
  });
}

void run_scatter_nd(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<ScatterNdProblem>&>(state).problem;
  const IndexTuples& tuples = p.tuples;
  const auto* index = static_cast<const std::int32_t*>(args.inputs[1]);
  const auto length = static_cast<std::int64_t>(tuples.sizes.size());
  copy_all(args.inputs[0], args.outputs[0],
           tuples.slices() * tuples.slice * static_cast<std::int64_t>(size_of(p.rule.dtype)));
  with_update_type(p.rule, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    const auto* updates = static_cast<const T*>(args.inputs[2]);
    auto* y = static_cast<T*>(args.outputs[0]);
    // A thread has a range of each slice.
    parallel_ranges(tuples.slice, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = 0; i < tuples.count; ++i) {
        T* slice = y + slice_of(tuples, index + i * length) * tuples.slice;
        for (std::int64_t k = begin; k < end; ++k) {
          slice[k] = updated(p.rule.reduction, slice[k], updates[i * tuples.slice + k]);
        }
      }
    });
  });
}

template <typename Problem>
Offer offer_updates(const Problem& p, const TargetInfo& /*target*/) {
  return Offer::no(p.rule.refused());  // an offer where there is no reason
}

}  // namespace

const Kernel<GatherElementsProblem> kGatherElementsRef{
    .name = "reference",
    .needs = {},
    .offer = always<GatherElementsProblem>,
    .pack = nullptr,
    .create = create_problem_state<GatherElementsProblem>,
    .run = run_gather_elements,
};

const Kernel<GatherNdProblem> kGatherNdRef{
    .name = "reference",
    .needs = {},
    .offer = always<GatherNdProblem>,
    .pack = nullptr,
    .create = create_problem_state<GatherNdProblem>,
    .run = run_gather_nd,
};

const Kernel<ScatterElementsProblem> kScatterElementsRef{
    .name = "reference",
    .needs = {},
    .offer = offer_updates<ScatterElementsProblem>,
    .pack = nullptr,
    .create = create_problem_state<ScatterElementsProblem>,
    .run = run_scatter_elements,
};

const Kernel<ScatterNdProblem> kScatterNdRef{
    .name = "reference",
    .needs = {},
    .offer = offer_updates<ScatterNdProblem>,
    .pack = nullptr,
    .create = create_problem_state<ScatterNdProblem>,
    .run = run_scatter_nd,
};

}  // namespace lasso::kernels
