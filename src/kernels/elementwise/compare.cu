// Compare and Select. Operations over peak: less than 0.1. Bytes over bandwidth on an H200: of
// 25200 scores, some 0.2 MB, but the launch's time.
#include "kernels/elementwise/broadcast.cuh"
#include "kernels/elementwise/compare.h"
#include "kernels/elementwise/elementwise_cuda.h"

namespace lasso::kernels {

namespace {

using gpu::Index;
using graph::CompareKind;

template <typename T>
struct CompareTwo {
  CompareKind kind;
  __device__ std::uint8_t operator()(T a, T b) const { return compare(kind, a, b); }
};

struct SameTruth {
  __device__ std::uint8_t operator()(std::uint8_t a, std::uint8_t b) const {
    return (a != 0) == (b != 0) ? 1 : 0;
  }
};

template <typename T, typename F>
void compare_all(const CompareProblem& p, const KernelArgs& args, const F& f) {
  gpu::combine_all<T, std::uint8_t>("compare", p.loops, args, f);
}

void run_compare(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<CompareProblem>&>(state).problem;
  if (p.dtype == DType::kF32) {
    compare_all<float>(p, args, CompareTwo<float>{p.kind});
  } else if (p.dtype == DType::kI32) {
    compare_all<std::int32_t>(p, args, CompareTwo<std::int32_t>{p.kind});
  } else if (p.dtype == DType::kU8) {
    compare_all<std::uint8_t>(p, args, CompareTwo<std::uint8_t>{p.kind});
  } else {
    compare_all<std::uint8_t>(p, args, SameTruth{});
  }
}

// Of units of as many bytes as an element has.
template <typename Unit, typename T>
__global__ void select(const std::uint8_t* condition, const Unit* a, const Unit* b, Unit* y,
                       const __grid_constant__ gpu::Nest<T> nest, T positions) {
  for (T i = gpu::first_position<T>(); i < positions; i += gpu::position_step<T>()) {
    Index at_condition = 0;
    Index at_a = 0;
    Index at_b = 0;
    nest.move(i, at_condition, at_a, at_b);
    y[i] = condition[at_condition] != 0 ? a[at_a] : b[at_b];
  }
}

void run_select(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<SelectProblem>&>(state).problem;
  gpu::with_unit_type(static_cast<Index>(p.bytes), [&](auto* type) {
    using Unit = std::remove_pointer_t<decltype(type)>;
    const auto* condition = static_cast<const std::uint8_t*>(args.inputs[0]);
    const auto* a = static_cast<const Unit*>(args.inputs[1]);
    const auto* b = static_cast<const Unit*>(args.inputs[2]);
    auto* y = static_cast<Unit*>(args.outputs[0]);
    gpu::for_each_broadcast(p.loops, [&]<typename T>(const gpu::Nest<T>& nest, T positions,
                                                     std::array<Index, 3> at, Index begin) {
      constexpr int kThreads = gpu::kBroadcastThreads;
      gpu::launch("select", select<Unit, T>, gpu::blocks_for(positions, kThreads), kThreads, 0,
                  args, condition + at[0], a + at[1], b + at[2], y + begin, nest, positions);
    });
  });
}

}  // namespace

const std::vector<Kernel<CompareProblem>>& compare_cuda_kernels() {
  static const std::vector<Kernel<CompareProblem>> list{
      {"plain", Needs::gpu(), offer_compare, nullptr, create_problem_state<CompareProblem>,
       run_compare}};
  return list;
}

const std::vector<Kernel<SelectProblem>>& select_cuda_kernels() {
  static const std::vector<Kernel<SelectProblem>> list{
      {"plain", Needs::gpu(), always<SelectProblem>, nullptr, create_problem_state<SelectProblem>,
       run_select}};
  return list;
}

}  // namespace lasso::kernels
