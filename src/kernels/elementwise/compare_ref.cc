// The specification of Compare and Select.
#include <cstring>

#include "kernels/elementwise/broadcast_run.h"
#include "kernels/elementwise/compare.h"

namespace lasso::kernels {

namespace {

template <typename T>
void compare_each(const CompareProblem& p, const KernelArgs& args) {
  const auto* a = static_cast<const T*>(args.inputs[0]);
  const auto* b = static_cast<const T*>(args.inputs[1]);
  auto* y = static_cast<std::uint8_t*>(args.outputs[0]);
  const Places strides = p.loops.back().strides;
  for_each_run(p.loops, [&](const Places& at, std::int64_t begin, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      T left = a[at[0] + i * strides[0]];
      T right = b[at[1] + i * strides[1]];
      if (p.dtype == DType::kBool) {
        left = left != T{0};
        right = right != T{0};
      }
      y[begin + i] = compare(p.kind, left, right);
    }
  });
}

void run_compare(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<CompareProblem>&>(state).problem;
  if (p.dtype == DType::kF32) {
    compare_each<float>(p, args);
  } else if (p.dtype == DType::kI32) {
    compare_each<std::int32_t>(p, args);
  } else {
    compare_each<std::uint8_t>(p, args);
  }
}

void run_select(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<SelectProblem>&>(state).problem;
  const auto* condition = static_cast<const std::uint8_t*>(args.inputs[0]);
  const auto* a = static_cast<const std::byte*>(args.inputs[1]);
  const auto* b = static_cast<const std::byte*>(args.inputs[2]);
  auto* y = static_cast<std::byte*>(args.outputs[0]);
  const auto bytes = static_cast<std::int64_t>(p.bytes);
  const Places strides = p.loops.back().strides;
  for_each_run(p.loops, [&](const Places& at, std::int64_t begin, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      const bool is_true = condition[at[0] + i * strides[0]] != 0;
      const std::byte* from =
          is_true ? a + (at[1] + i * strides[1]) * bytes : b + (at[2] + i * strides[2]) * bytes;
      std::memcpy(y + (begin + i) * bytes, from, p.bytes);
    }
  });
}

}  // namespace

const Kernel<CompareProblem> kCompareRef{
    .name = "reference",
    .needs = {},
    .offer = offer_compare,
    .pack = nullptr,
    .create = create_problem_state<CompareProblem>,
    .run = run_compare,
};

const Kernel<SelectProblem> kSelectRef{
    .name = "reference",
    .needs = {},
    .offer = always<SelectProblem>,
    .pack = nullptr,
    .create = create_problem_state<SelectProblem>,
    .run = run_select,
};

}  // namespace lasso::kernels
