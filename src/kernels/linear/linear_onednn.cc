// Linear by oneDNN in float32 and bfloat16, with our packed weights: for many rows.
#include <memory>
#include <string>

#include "core/check.h"
#include "core/threads.h"
#include "kernels/cpu/onednn.h"
#include "kernels/cpu/product.h"
#include "kernels/cpu/product_bf16.h"
#include "kernels/linear/linear.h"
#include "kernels/linear/linear_packed.h"

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

// Below, a call costs more than it gains over our own product.
constexpr std::int64_t kFewRows = 64;

Offer offer(const LinearProblem& p, const TargetInfo& target, MultiplyAdd multiply_add) {
  if (!p.packed) return Offer::no("the weights are not constant");
  if (p.m < kFewRows) return Offer::no("few rows");
  const ThreadLimit limit(target.threads);
  std::string reason;
  std::shared_ptr<onednn::GemmChoice> choice =
      onednn::choose_gemm({.batch = 1,
                           .m = p.m,
                           .n = p.n,
                           .k = p.k,
                           .inputs = p.weights,
                           .output = p.output,
                           .weights = onednn::Gemm::Weights::kPanels,
                           .bias = p.bias,
                           .residual = p.residual,
                           .activation = p.activation},
                          target.features, reason);
  if (choice == nullptr) return Offer::no(std::move(reason));
  Offer offer = offer_packed_linear(p);
  offer.workspace_bytes = choice->workspace_bytes();
  offer.implementation = choice->implementation();
  offer.cost = operations(p) / onednn::rate(*choice, multiply_add, target);
  offer.found = std::move(choice);
  return offer;
}

Offer offer_f32(const LinearProblem& p, const TargetInfo& target) {
  if (p.weights != DType::kF32) return Offer::no("weights other than float32");
  return offer(p, target, MultiplyAdd::kFp32Avx512);
}

Offer offer_bf16(const LinearProblem& p, const TargetInfo& target) {
  if (p.weights != DType::kBF16) return Offer::no("weights other than bfloat16");
  if (p.input != DType::kBF16) return Offer::no("the inputs are float32");
  Offer result = offer(p, target, MultiplyAdd::kBf16Avx512);
  if (result && p.activation == graph::Activation::kGelu && p.output == DType::kBF16) {
    // Its GELU, made for float32, takes as long as so many more products of each element.
    constexpr double kGeluProducts = 400;
    result.cost +=
        2 * kGeluProducts * static_cast<double>(p.m * p.n) / target.rate(MultiplyAdd::kBf16Avx512);
  }
  return result;
}

std::unique_ptr<KernelState> create(const LinearProblem& p, const TargetInfo& target,
                                    const Offer& offer) {
  const ThreadLimit limit(target.threads);
  return std::make_unique<State>(p, *static_cast<const onednn::GemmChoice*>(offer.found.get()));
}

void run(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const State&>(state);
  const LinearProblem& p = s.problem;
  const std::size_t weights =
      p.weights == DType::kBF16
          ? static_cast<std::size_t>(bf16::panel_elements(p.n, p.k)) * sizeof(std::uint16_t)
          : static_cast<std::size_t>(panel_floats(p.n, p.k)) * sizeof(float);
  s.primitive->run(args.inputs[0], args.packed,
                   reinterpret_cast<const float*>(args.packed + weights),
                   p.residual ? static_cast<const float*>(args.inputs[3]) : nullptr,
                   args.outputs[0], args.workspace);
}

}  // namespace

const Kernel<LinearProblem> kLinearOneDnn{
    .name = "onednn",
    .needs = {.features = CpuFeature::kAvx512},
    .offer = offer_f32,
    .pack = pack_linear,
    .create = create,
    .run = run,
};

const Kernel<LinearProblem> kLinearBf16OneDnn{
    .name = "onednn",
    .needs = {.features = CpuFeature::kAvx512Bf16},
    .offer = offer_bf16,
    .pack = pack_linear,
    .create = create,
    .run = run,
};

}  // namespace lasso::kernels
