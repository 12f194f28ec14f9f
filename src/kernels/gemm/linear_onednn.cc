// Linear by oneDNN, with our packed weights: for many rows.
#include <memory>
#include <string>
#include <utility>

#include "backend/cpu/onednn.h"
#include "core/check.h"
#include "core/threads.h"
#include "kernels/gemm/gemm.h"
#include "kernels/gemm/linear_packed.h"
#include "kernels/gemm/product.h"

namespace lasso::kernels {

namespace {

class State final : public KernelState {
 public:
  State(const LinearProblem& p, const onednn::GemmChoice& choice)
      : problem(p), name(choice.implementation()), primitive(choice.create()) {}
  std::string implementation() const override { return name; }

  LinearProblem problem;
  std::string name;
  std::unique_ptr<onednn::GemmPrimitive> primitive;
};

std::unique_ptr<onednn::GemmChoice> choose(const LinearProblem& p, const Target& target,
                                           std::string& reason) {
  // Below, a call costs more than it gains over our own product.
  constexpr std::int64_t kFewRows = 64;
  if (!p.packed) {
    reason = "the weights are not constant";
    return nullptr;
  }
  if (p.m < kFewRows) {
    reason = "few rows";
    return nullptr;
  }
  const ThreadLimit limit(target.threads);
  return onednn::choose_gemm({.batch = 1,
                              .m = p.m,
                              .n = p.n,
                              .k = p.k,
                              .weights = onednn::Gemm::Weights::kPanels,
                              .bias = p.bias,
                              .residual = p.residual,
                              .activation = p.activation},
                             reason);
}

std::unique_ptr<onednn::GemmChoice> must_choose(const LinearProblem& p, const Target& target) {
  std::string reason;
  auto choice = choose(p, target, reason);
  LASSO_CHECK(choice != nullptr, ErrorCode::kUnsupported, "linear by oneDNN: {}", reason);
  return choice;
}

Support supports(const LinearProblem& p, const Target& target) {
  std::string reason;
  return choose(p, target, reason) != nullptr ? Support::yes() : Support::no(std::move(reason));
}

KernelPlan plan(const LinearProblem& p, const Target& target) {
  KernelPlan result = plan_packed_linear(p);
  result.workspace_bytes = must_choose(p, target)->workspace_bytes();
  result.cost = 2.0 * static_cast<double>(p.m * p.n * p.k) / (2.1e11 * target.threads) + 5e-6;
  return result;
}

std::unique_ptr<KernelState> create(const LinearProblem& p, const Target& target) {
  const ThreadLimit limit(target.threads);
  return std::make_unique<State>(p, *must_choose(p, target));
}

void run(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const State&>(state);
  const LinearProblem& p = s.problem;
  const auto* packed = reinterpret_cast<const float*>(args.packed);
  s.primitive->run(static_cast<const float*>(args.inputs[0]), packed,
                   packed + panel_floats(p.n, p.k),
                   p.residual ? static_cast<const float*>(args.inputs[3]) : nullptr,
                   static_cast<float*>(args.outputs[0]), args.workspace);
}

}  // namespace

const Kernel<LinearProblem> kLinearOneDnn{
    .name = "onednn",
    .isa = Isa::kAvx512,
    .supports = supports,
    .plan = plan,
    .pack = pack_linear,
    .create = create,
    .run = run,
};

}  // namespace lasso::kernels
