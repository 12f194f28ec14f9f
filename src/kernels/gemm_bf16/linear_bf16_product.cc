// Linear in bfloat16 by our own product: any shape.
#include <vector>

#include "kernels/constant.h"
#include "kernels/gemm_bf16/linear_bf16_packed.h"
#include "kernels/gemm_bf16/product_bf16.h"

namespace lasso::kernels {

namespace bf16 {

KernelPlan plan_packed(const LinearBf16Problem& p) {
  KernelPlan plan;
  plan.packed_bytes = packed_bytes(p.n, p.k);
  plan.packed_layout = kPanelLayout;
  return plan;
}

void pack(const LinearBf16Problem& p, const std::vector<TensorView>& constants, std::byte* packed) {
  const std::vector<float> w = read_f32(constants.at(0));
  std::vector<float> bias(static_cast<std::size_t>(p.n));
  read_bias(constants, p.n, bias.data());
  pack_panels(
      p.n, p.k,
      [&](std::int64_t n, std::int64_t k) { return w[static_cast<std::size_t>(n * p.k + k)]; },
      bias.data(), packed);
}

}  // namespace bf16

namespace {

Support supports(const LinearBf16Problem& p, const Target& /*target*/) {
  return p.k == 0 ? Support::no("no columns to sum over") : Support::yes();
}

bf16::Product product_of(const LinearBf16Problem& p, const std::byte* packed) {
  return {.rows = p.m,
          .n = p.n,
          .k = p.k,
          .packed = packed,
          .residual = p.residual,
          .bf16_output = p.output == DType::kBF16,
          .activation = p.activation};
}

KernelPlan plan(const LinearBf16Problem& p, const Target& target) {
  KernelPlan plan = bf16::plan_packed(p);
  plan.workspace_bytes =
      bf16::scratch_bytes(product_of(p, nullptr)) * static_cast<std::size_t>(target.threads);
  plan.cost = 2.0 * static_cast<double>(p.m * p.n * p.k) / (4e11 * target.threads) + 1e-6;
  return plan;
}

void run(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const ProblemState<LinearBf16Problem>&>(state);
  const LinearBf16Problem& p = s.problem;
  const auto gather = [&](std::int64_t row, int count,
                          std::uint16_t* rows) -> const std::uint16_t* {
    if (p.input == DType::kBF16) {
      return static_cast<const std::uint16_t*>(args.inputs[0]) + row * p.k;
    }
    bf16::kAvx512Bf16.round(static_cast<const float*>(args.inputs[0]) + row * p.k, count * p.k,
                            rows);
    return rows;
  };
  const auto* residual = p.residual ? static_cast<const float*>(args.inputs[3]) : nullptr;
  const auto size = static_cast<std::int64_t>(size_of(p.output));
  const auto locate = [&](std::int64_t /*w*/, std::int64_t row) -> bf16::ProductRow {
    const std::int64_t at = row * p.n;
    return {static_cast<std::byte*>(args.outputs[0]) + at * size,
            residual == nullptr ? nullptr : residual + at};
  };
  bf16::run_product(product_of(p, args.packed), s.target.threads, args.workspace, gather, locate);
}

}  // namespace

const Kernel<LinearBf16Problem> kLinearBf16Product{
    .name = "product",
    .isa = Isa::kAvx512Bf16,
    .supports = supports,
    .plan = plan,
    .pack = bf16::pack,
    .create = create_problem_state<LinearBf16Problem>,
    .run = run,
};

}  // namespace lasso::kernels
