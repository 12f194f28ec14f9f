#include "kernels/pad/pad.h"

#include "core/check.h"

namespace lasso::kernels {

PadProblem make_pad_problem(const graph::Pad& op, const Dims& x, std::size_t element_bytes) {
  LASSO_CHECK(op.before.size() == x.size() && op.after.size() == x.size() && !x.empty(),
              ErrorCode::kInternal, "pad: {} and {} around {}", to_string(op.before),
              to_string(op.after), to_string(x));
  PadProblem problem;
  problem.element_bytes = static_cast<std::int64_t>(element_bytes);
  problem.value = op.value;
  for (std::size_t i = 0; i < x.size(); ++i) {
    problem.loops.push_back(
        {.before = op.before[i].constant(), .count = x[i], .after = op.after[i].constant()});
    LASSO_CHECK(problem.loops[i].before >= 0 && problem.loops[i].after >= 0,
                ErrorCode::kInvalidArgument, "pad: {} and {} around {}, and none is negative",
                to_string(op.before), to_string(op.after), to_string(x));
  }
  return problem;
}

const std::vector<Kernel<PadProblem>>& pad_kernels() {
  static const std::vector<Kernel<PadProblem>> list{kPadRef};
  return list;
}

const Family& pad_family() {
  static const ListFamily<PadProblem> family("pad", pad_kernels(), [](const Call& call) {
    return make_pad_problem(std::get<graph::Pad>(call.op), call.inputs.at(0).dims,
                            size_of(call.inputs[0].dtype));
  });
  return family;
}

}  // namespace lasso::kernels
