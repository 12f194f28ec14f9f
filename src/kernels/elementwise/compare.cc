#include "kernels/elementwise/compare.h"

namespace lasso::kernels {

CompareProblem make_compare_problem(graph::CompareKind kind, DType dtype, const Dims& a,
                                    const Dims& b) {
  return {.kind = kind, .loops = broadcast_loops(graph::to_string(kind), {a, b}), .dtype = dtype};
}

SelectProblem make_select_problem(DType dtype, const Dims& condition, const Dims& a,
                                  const Dims& b) {
  return {.loops = broadcast_loops("select", {condition, a, b}), .bytes = size_of(dtype)};
}

const std::vector<Kernel<CompareProblem>>& compare_kernels() {
  static const std::vector<Kernel<CompareProblem>> list{kCompareLoops, kCompareRef};
  return list;
}

const std::vector<Kernel<SelectProblem>>& select_kernels() {
  static const std::vector<Kernel<SelectProblem>> list{kSelectLoops, kSelectRef};
  return list;
}

const Family& compare_family() {
  static const ListFamily<CompareProblem> family(
      "compare", compare_kernels(), [](const Call& call) {
        return make_compare_problem(std::get<graph::Compare>(call.op).kind, call.inputs.at(0).dtype,
                                    call.inputs[0].dims, call.inputs.at(1).dims);
      });
  return family;
}

const Family& select_family() {
  static const ListFamily<SelectProblem> family("select", select_kernels(), [](const Call& call) {
    return make_select_problem(call.inputs.at(1).dtype, call.inputs[0].dims, call.inputs[1].dims,
                               call.inputs.at(2).dims);
  });
  return family;
}

}  // namespace lasso::kernels
