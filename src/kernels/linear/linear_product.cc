// Linear by our own product with packed weights in float32: any shape, best for few rows, where a
// library's call costs more than the work, and where the library has no fast kernel.
#include "kernels/cpu/product.h"
#include "kernels/linear/linear.h"
#include "kernels/linear/linear_packed.h"

namespace lasso::kernels {

namespace {

template <CpuFeature kFeature>
Offer offer(const LinearProblem& p, const TargetInfo& target) {
  if (p.weights != DType::kF32) return Offer::no("weights other than float32");
  if (p.k == 0) return Offer::no("no columns to sum over");
  if (!p.packed) return Offer::no("the weights are not constant");
  Offer result = offer_packed_linear(p);
  result.cost = operations(p) / target.rate(fp32_multiply_add(kFeature));
  return result;
}

template <CpuFeature kFeature>
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
  run_product(product_isa(kFeature), product, [&](std::int64_t row, int count, ProductRows& rows) {
    for (int r = 0; r < count; ++r) {
      rows.a[r] = x + (row + r) * p.k;
      rows.y[r] = y + (row + r) * p.n;
      if (residual != nullptr) rows.residual[r] = residual + (row + r) * p.n;
    }
  });
}

template <CpuFeature kFeature>
constexpr Kernel<LinearProblem> kernel() {
  return {
      .name = "product",
      .needs = {.features = kFeature},
      .offer = offer<kFeature>,
      .pack = pack_linear,
      .create = create_problem_state<LinearProblem>,
      .run = run<kFeature>,
  };
}

}  // namespace

const Kernel<LinearProblem> kLinearProductAvx512 = kernel<CpuFeature::kAvx512>();
const Kernel<LinearProblem> kLinearProductAvx2 = kernel<CpuFeature::kAvx2>();

}  // namespace lasso::kernels
