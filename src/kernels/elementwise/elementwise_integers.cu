// Integers and truth values element by element. Operations over peak: less than 0.1. Bytes over
// bandwidth on an H200: the arithmetic of a decoder's positions, some thousand int32, is but the
// launch's time.
#include "kernels/elementwise/broadcast.cuh"
#include "kernels/elementwise/elementwise_cuda.h"
#include "kernels/elementwise/integers.h"

namespace lasso::kernels {

namespace {

using gpu::Index;
using graph::BinaryKind;
using graph::UnaryKind;

struct CombineIntegers {
  BinaryKind kind;
  __device__ std::int32_t operator()(std::int32_t a, std::int32_t b) const {
    return integers::combine(kind, a, b);
  }
};

struct CombineTruths {
  BinaryKind kind;
  __device__ std::uint8_t operator()(std::uint8_t a, std::uint8_t b) const {
    return combine_truths(kind, a, b);
  }
};

void run_binary(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<BinaryProblem>&>(state).problem;
  if (p.dtype == DType::kI32) {
    gpu::combine_all<std::int32_t, std::int32_t>("binary of integers", p.loops, args,
                                                 CombineIntegers{p.kind});
  } else {
    gpu::combine_all<std::uint8_t, std::uint8_t>("binary of truth values", p.loops, args,
                                                 CombineTruths{p.kind});
  }
}

struct ApplyToInteger {
  UnaryKind kind;
  __device__ std::int32_t operator()(std::int32_t x) const { return integers::apply(kind, x); }
};

struct IsNotTrue {
  __device__ std::uint8_t operator()(std::uint8_t x) const { return x == 0 ? 1 : 0; }
};

struct IsKindOfFloat {
  UnaryKind kind;
  __device__ std::uint8_t operator()(float x) const {
    return (kind == UnaryKind::kIsNan ? isnan(x) : isinf(x)) ? 1 : 0;
  }
};

// y may be x where both are of one type.
template <typename From, typename To, typename F>
__global__ void apply(const From* x, To* y, const F f, Index count) {
  for (Index i = gpu::first_position<Index>(); i < count; i += gpu::position_step<Index>()) {
    y[i] = f(x[i]);
  }
}

template <typename From, typename To, typename F>
void apply_all(Index count, const KernelArgs& args, const F& f) {
  constexpr int kThreads = gpu::kBroadcastThreads;
  gpu::launch("unary", apply<From, To, F>, gpu::blocks_for(count, kThreads), kThreads, 0, args,
              static_cast<const From*>(args.inputs[0]), static_cast<To*>(args.outputs[0]), f,
              count);
}

void run_unary(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<UnaryProblem>&>(state).problem;
  if (p.kind == UnaryKind::kNot) {
    apply_all<std::uint8_t, std::uint8_t>(p.count, args, IsNotTrue{});
  } else if (is_predicate(p.kind)) {
    apply_all<float, std::uint8_t>(p.count, args, IsKindOfFloat{p.kind});
  } else {
    apply_all<std::int32_t, std::int32_t>(p.count, args, ApplyToInteger{p.kind});
  }
}

}  // namespace

const Kernel<BinaryProblem> kBinaryIntegersCuda{
    .name = "integers",
    .needs = Needs::gpu(),
    .offer =
        [](const BinaryProblem& p, const TargetInfo&) {
          return is_known(p) && p.dtype != DType::kF32
                     ? Offer{}
                     : Offer::no("another type than int32, bool and uint8");
        },
    .pack = nullptr,
    .create = create_problem_state<BinaryProblem>,
    .run = run_binary,
};

const Kernel<UnaryProblem> kUnaryIntegersCuda{
    .name = "integers",
    .needs = Needs::gpu(),
    .offer =
        [](const UnaryProblem& p, const TargetInfo&) {
          return is_known(p) && (p.dtype != DType::kF32 || is_predicate(p.kind))
                     ? Offer{}
                     : Offer::no("neither of int32 nor to bool");
        },
    .pack = nullptr,
    .create = create_problem_state<UnaryProblem>,
    .run = run_unary,
};

}  // namespace lasso::kernels
