// MatMul by oneDNN, for products large enough to be worth its call.
#include <memory>
#include <string>
#include <utility>

#include "backend/cpu/onednn.h"
#include "core/check.h"
#include "core/threads.h"
#include "kernels/gemm/gemm.h"

namespace lasso::kernels {

namespace {

class State final : public KernelState {
 public:
  explicit State(const onednn::GemmChoice& choice)
      : name(choice.implementation()), primitive(choice.create()) {}
  std::string implementation() const override { return name; }

  std::string name;
  std::unique_ptr<onednn::GemmPrimitive> primitive;
};

bool batches_are_dense(const MatMulProblem& p) {
  for (std::int64_t i = 0; i < p.batch; ++i) {
    const auto index = static_cast<std::size_t>(i);
    if (p.a_offsets[index] != i * p.m * p.k || p.b_offsets[index] != i * p.n * p.k) return false;
  }
  return true;
}

std::unique_ptr<onednn::GemmChoice> choose(const MatMulProblem& p, const Target& target,
                                           std::string& reason) {
  if (p.m < 32 || p.n < 32 || p.k < 16) {
    reason = "too small";
    return nullptr;
  }
  if (!batches_are_dense(p)) {
    reason = "leading dimensions are broadcast";
    return nullptr;
  }
  const ThreadLimit limit(target.threads);
  return onednn::choose_gemm({.batch = p.batch,
                              .m = p.m,
                              .n = p.n,
                              .k = p.k,
                              .weights = onednn::Gemm::Weights::kTransposed,
                              .bias = false,
                              .residual = false,
                              .activation = p.activation},
                             reason);
}

std::unique_ptr<onednn::GemmChoice> must_choose(const MatMulProblem& p, const Target& target) {
  std::string reason;
  auto choice = choose(p, target, reason);
  LASSO_CHECK(choice != nullptr, ErrorCode::kUnsupported, "matmul by oneDNN: {}", reason);
  return choice;
}

Support supports(const MatMulProblem& p, const Target& target) {
  std::string reason;
  return choose(p, target, reason) != nullptr ? Support::yes() : Support::no(std::move(reason));
}

KernelPlan plan(const MatMulProblem& p, const Target& target) {
  KernelPlan result;
  result.workspace_bytes = must_choose(p, target)->workspace_bytes();
  result.cost =
      2.0 * static_cast<double>(p.batch * p.m * p.n * p.k) / (1.9e11 * target.threads) + 5e-6;
  return result;
}

std::unique_ptr<KernelState> create(const MatMulProblem& p, const Target& target) {
  const ThreadLimit limit(target.threads);
  return std::make_unique<State>(*must_choose(p, target));
}

void run(const KernelState& state, const KernelArgs& args) {
  static_cast<const State&>(state).primitive->run(
      static_cast<const float*>(args.inputs[0]), static_cast<const float*>(args.inputs[1]), nullptr,
      nullptr, static_cast<float*>(args.outputs[0]), args.workspace);
}

}  // namespace

const Kernel<MatMulProblem> kMatMulOneDnn{
    .name = "onednn",
    .isa = Isa::kAvx512,  // with less it is no faster than our product, and allocates as it runs
    .supports = supports,
    .plan = plan,
    .pack = nullptr,
    .create = create,
    .run = run,
};

}  // namespace lasso::kernels
