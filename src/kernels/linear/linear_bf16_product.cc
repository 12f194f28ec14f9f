// Linear with weights in bfloat16 by our own products: any shape. By instructions for bfloat16, or
// in float32 on a CPU where these are missing or slow.
#include "kernels/cpu/bf16_arithmetic.h"
#include "kernels/linear/linear.h"
#include "kernels/linear/linear_packed.h"

namespace lasso::kernels {

namespace {

bf16::Product product_of(const LinearProblem& p, const std::byte* packed) {
  return {.rows = p.m,
          .n = p.n,
          .k = p.k,
          .packed = packed,
          .residual = p.residual,
          .bf16_output = p.output == DType::kBF16,
          .activation = p.activation};
}

template <CpuFeature kFeature>
Offer offer(const LinearProblem& p, const TargetInfo& target) {
  if (p.weights != DType::kBF16) return Offer::no("weights other than bfloat16");
  if (p.k == 0) return Offer::no("no columns to sum over");
  const bf16::Arithmetic& arithmetic = bf16::arithmetic_of(kFeature);
  const bf16::Product product = product_of(p, nullptr);
  Offer offer = offer_packed_linear(p);
  offer.workspace_bytes =
      arithmetic.scratch_bytes(product) * static_cast<std::size_t>(target.threads);
  offer.cost = arithmetic.cost(product, target);
  return offer;
}

template <CpuFeature kFeature>
void run(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const ProblemState<LinearProblem>&>(state);
  const LinearProblem& p = s.problem;
  const bf16::Arithmetic& arithmetic = bf16::arithmetic_of(kFeature);
  const auto gather = [&](std::int64_t row, int count,
                          std::uint16_t* rows) -> const std::uint16_t* {
    if (p.input == DType::kBF16) {
      return static_cast<const std::uint16_t*>(args.inputs[0]) + row * p.k;
    }
    arithmetic.round(static_cast<const float*>(args.inputs[0]) + row * p.k, count * p.k, rows);
    return rows;
  };
  const auto* residual = p.residual ? static_cast<const float*>(args.inputs[3]) : nullptr;
  const auto size = static_cast<std::int64_t>(size_of(p.output));
  const auto locate = [&](std::int64_t /*w*/, std::int64_t row) -> bf16::ProductRow {
    const std::int64_t at = row * p.n;
    return {static_cast<std::byte*>(args.outputs[0]) + at * size,
            residual == nullptr ? nullptr : residual + at};
  };
  bf16::run_product(arithmetic, product_of(p, args.packed), s.target.threads, args.workspace,
                    gather, locate);
}

template <CpuFeature kFeature>
constexpr Kernel<LinearProblem> kernel(std::string_view name) {
  return {
      .name = name,
      .needs = {.features = kFeature},
      .offer = offer<kFeature>,
      .pack = pack_linear,
      .create = create_problem_state<LinearProblem>,
      .run = run<kFeature>,
  };
}

}  // namespace

const Kernel<LinearProblem> kLinearBf16Product = kernel<CpuFeature::kAvx512Bf16>("product");
const Kernel<LinearProblem> kLinearBf16WidenedAvx512 = kernel<CpuFeature::kAvx512>("widened");
const Kernel<LinearProblem> kLinearBf16WidenedAvx2 = kernel<CpuFeature::kAvx2>("widened");

}  // namespace lasso::kernels
