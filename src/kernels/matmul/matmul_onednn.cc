// MatMul by oneDNN, for products large enough to be worth its call.
#include <memory>
#include <string>
#include <utility>

#include "core/check.h"
#include "core/threads.h"
#include "kernels/cpu/onednn.h"
#include "kernels/matmul/matmul.h"

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

Offer offer(const MatMulProblem& p, const TargetInfo& target) {
  if (p.m < 32 || p.n < 32 || p.k < 16) return Offer::no("too small");
  if (!batches_are_dense(p)) return Offer::no("leading dimensions are broadcast");
  const ThreadLimit limit(target.threads);
  std::string reason;
  std::shared_ptr<onednn::GemmChoice> choice =
      onednn::choose_gemm({.batch = p.batch,
                           .m = p.m,
                           .n = p.n,
                           .k = p.k,
                           .weights = onednn::Gemm::Weights::kTransposed,
                           .bias = false,
                           .residual = false,
                           .activation = p.activation},
                          target.features, reason);
  if (choice == nullptr) return Offer::no(std::move(reason));
  Offer offer;
  offer.workspace_bytes = choice->workspace_bytes();
  offer.implementation = choice->implementation();
  offer.cost = operations(p) / onednn::rate(*choice, MultiplyAdd::kFp32Avx512, target);
  offer.found = std::move(choice);
  return offer;
}

std::unique_ptr<KernelState> create(const MatMulProblem& /*p*/, const TargetInfo& target,
                                    const Offer& offer) {
  const ThreadLimit limit(target.threads);
  return std::make_unique<State>(*static_cast<const onednn::GemmChoice*>(offer.found.get()));
}

void run(const KernelState& state, const KernelArgs& args) {
  static_cast<const State&>(state).primitive->run(
      static_cast<const float*>(args.inputs[0]), static_cast<const float*>(args.inputs[1]), nullptr,
      nullptr, static_cast<float*>(args.outputs[0]), args.workspace);
}

}  // namespace

const Kernel<MatMulProblem> kMatMulOneDnn{
    .name = "onednn",
    .needs = {.features = CpuFeature::kAvx512},  // with less it is no faster than our product, and
                                                 // allocates as it runs
    .offer = offer,
    .pack = nullptr,
    .create = create,
    .run = run,
};

}  // namespace lasso::kernels
