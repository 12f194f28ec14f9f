// Compare and Select as loops that the compiler makes vectors of.
#include "kernels/elementwise/broadcast_run.h"
#include "kernels/elementwise/compare.h"
#include "kernels/elementwise/pairs.h"

namespace lasso::kernels {

namespace {

using graph::CompareKind;

template <typename T, CompareKind kKind>
void compare_all(const CompareProblem& p, const KernelArgs& args) {
  combine_all<T, std::uint8_t>(p.loops, args, [](T a, T b) { return compare(kKind, a, b); });
}

template <typename T>
void compare_all(const CompareProblem& p, const KernelArgs& args) {
  switch (p.kind) {
    case CompareKind::kEqual:
      return compare_all<T, CompareKind::kEqual>(p, args);
    case CompareKind::kLess:
      return compare_all<T, CompareKind::kLess>(p, args);
    case CompareKind::kLessEqual:
      return compare_all<T, CompareKind::kLessEqual>(p, args);
    case CompareKind::kGreater:
      return compare_all<T, CompareKind::kGreater>(p, args);
    case CompareKind::kGreaterEqual:
      return compare_all<T, CompareKind::kGreaterEqual>(p, args);
  }
}

void run_compare(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<CompareProblem>&>(state).problem;
  if (p.dtype == DType::kF32) {
    compare_all<float>(p, args);
  } else if (p.dtype == DType::kI32) {
    compare_all<std::int32_t>(p, args);
  } else if (p.dtype == DType::kU8) {
    compare_all<std::uint8_t>(p, args);
  } else {
    combine_all<std::uint8_t, std::uint8_t>(p.loops, args, [](std::uint8_t a, std::uint8_t b) {
      return static_cast<std::uint8_t>((a != 0) == (b != 0) ? 1 : 0);
    });
  }
}

// y[i] = condition[i] ? a[i] : b[i], where strides are 0 or 1.
template <typename T>
void select_run(const std::uint8_t* condition, const T* a, const T* b, const Places& strides, T* y,
                std::int64_t count) {
  const auto [c_stride, a_stride, b_stride] = strides;
  if (c_stride == 0) {
    const T* from = *condition != 0 ? a : b;
    const std::int64_t stride = *condition != 0 ? a_stride : b_stride;
    for (std::int64_t i = 0; i < count; ++i) y[i] = from[i * stride];
  } else if (a_stride == 1 && b_stride == 1) {
    for (std::int64_t i = 0; i < count; ++i) {
      const T yes = a[i];
      const T no = b[i];
      y[i] = condition[i] != 0 ? yes : no;
    }
  } else if (a_stride == 1) {
    const T no = *b;
    for (std::int64_t i = 0; i < count; ++i) {
      const T yes = a[i];
      y[i] = condition[i] != 0 ? yes : no;
    }
  } else {
    const T yes = *a;
    for (std::int64_t i = 0; i < count; ++i) {
      const T no = b[i * b_stride];
      y[i] = condition[i] != 0 ? yes : no;
    }
  }
}

template <typename T>
void select_all(const SelectProblem& p, const KernelArgs& args) {
  const auto* condition = static_cast<const std::uint8_t*>(args.inputs[0]);
  const auto* a = static_cast<const T*>(args.inputs[1]);
  const auto* b = static_cast<const T*>(args.inputs[2]);
  auto* y = static_cast<T*>(args.outputs[0]);
  for_each_run(p.loops, [&](const Places& at, std::int64_t begin, std::int64_t count) {
    select_run(condition + at[0], a + at[1], b + at[2], p.loops.back().strides, y + begin, count);
  });
}

void run_select(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<SelectProblem>&>(state).problem;
  switch (p.bytes) {
    case 1:
      return select_all<std::uint8_t>(p, args);
    case 2:
      return select_all<std::uint16_t>(p, args);
    case 4:
      return select_all<std::uint32_t>(p, args);
    default:
      return select_all<std::uint64_t>(p, args);
  }
}

}  // namespace

const Kernel<CompareProblem> kCompareLoops{
    .name = "loops",
    .needs = {.features = CpuFeature::kAvx2},
    .offer = offer_compare,
    .pack = nullptr,
    .create = create_problem_state<CompareProblem>,
    .run = run_compare,
};

const Kernel<SelectProblem> kSelectLoops{
    .name = "loops",
    .needs = {.features = CpuFeature::kAvx2},
    .offer = always<SelectProblem>,
    .pack = nullptr,
    .create = create_problem_state<SelectProblem>,
    .run = run_select,
};

}  // namespace lasso::kernels
