// Linear by our own product with packed weights: any shape, best for few rows, where a library's
// call costs more than the work, and where the library has no fast kernel.
#include <vector>

#include "kernels/constant.h"
#include "kernels/gemm/gemm.h"
#include "kernels/gemm/linear_packed.h"
#include "kernels/gemm/product.h"

namespace lasso::kernels {

namespace {

Support supports(const LinearProblem& p, const Target& /*target*/) {
  if (p.k == 0) return Support::no("no columns to sum over");
  return p.packed ? Support::yes() : Support::no("the weights are not constant");
}

template <Isa kIsa>
KernelPlan plan(const LinearProblem& p, const Target& target) {
  KernelPlan result = plan_packed_linear(p);
  const double rate = (kIsa == Isa::kAvx512 ? 1.8e11 : 1e11) * target.threads;
  result.cost = 2.0 * static_cast<double>(p.m * p.n * p.k) / rate + 1e-6;
  return result;
}

template <Isa kIsa>
void run(const KernelState& state, const KernelArgs& args) {
  const LinearProblem& p = static_cast<const ProblemState<LinearProblem>&>(state).problem;
  const auto* x = static_cast<const float*>(args.inputs[0]);
  const auto* residual = p.residual ? static_cast<const float*>(args.inputs[3]) : nullptr;
  auto* y = static_cast<float*>(args.outputs[0]);
  const Product product{.rows = p.m,
                        .n = p.n,
                        .segments = 1,
                        .depth = p.k,
                        .packed = reinterpret_cast<const float*>(args.packed),
                        .residual = p.residual,
                        .activation = p.activation};
  run_product(product_isa(kIsa), product, [&](std::int64_t row, int count, ProductRows& rows) {
    for (int r = 0; r < count; ++r) {
      rows.a[r] = x + (row + r) * p.k;
      rows.y[r] = y + (row + r) * p.n;
      if (residual != nullptr) rows.residual[r] = residual + (row + r) * p.n;
    }
  });
}

}  // namespace

KernelPlan plan_packed_linear(const LinearProblem& p) {
  KernelPlan result;
  result.packed_bytes = panel_bytes(p.n, p.k);
  result.packed_layout = kPanelLayout;
  return result;
}

void pack_linear(const LinearProblem& p, const std::vector<TensorView>& constants,
                 std::byte* packed) {
  const std::vector<float> w = read_f32(constants.at(0));
  std::vector<float> bias(static_cast<std::size_t>(p.n));
  read_bias(constants, p.n, bias.data());
  pack_panels(
      p.n, p.k,
      [&](std::int64_t n, std::int64_t k) { return w[static_cast<std::size_t>(n * p.k + k)]; },
      bias.data(), reinterpret_cast<float*>(packed));
}

const Kernel<LinearProblem> kLinearProductAvx512{
    .name = "product",
    .isa = Isa::kAvx512,
    .supports = supports,
    .plan = plan<Isa::kAvx512>,
    .pack = pack_linear,
    .create = create_problem_state<LinearProblem>,
    .run = run<Isa::kAvx512>,
};

const Kernel<LinearProblem> kLinearProductAvx2{
    .name = "product",
    .isa = Isa::kAvx2,
    .supports = supports,
    .plan = plan<Isa::kAvx2>,
    .pack = pack_linear,
    .create = create_problem_state<LinearProblem>,
    .run = run<Isa::kAvx2>,
};

}  // namespace lasso::kernels
