// Linear in bfloat16 by oneDNN, with our packed weights: for many rows.
#include <memory>
#include <string>
#include <utility>

#include "backend/cpu/onednn.h"
#include "core/check.h"
#include "core/threads.h"
#include "kernels/gemm_bf16/linear_bf16_packed.h"
#include "kernels/gemm_bf16/product_bf16.h"

namespace lasso::kernels {

namespace {

class State final : public KernelState {
 public:
  State(const LinearBf16Problem& p, const onednn::GemmChoice& choice)
      : problem(p), name(choice.implementation()), primitive(choice.create()) {}
  std::string implementation() const override { return name; }

  LinearBf16Problem problem;
  std::string name;
  std::unique_ptr<onednn::GemmPrimitive> primitive;
};

std::unique_ptr<onednn::GemmChoice> choose(const LinearBf16Problem& p, const Target& target,
                                           std::string& reason) {
  // Below, a call costs more than it gains over our own product.
  constexpr std::int64_t kFewRows = 64;
  if (p.m < kFewRows) {
    reason = "few rows";
    return nullptr;
  }
  if (p.input != DType::kBF16) {
    reason = "the inputs are float32";
    return nullptr;
  }
  if (p.activation == graph::Activation::kGelu && p.output == DType::kBF16) {
    reason = "its GELU, made for float32, costs more than our own product's";
    return nullptr;
  }
  const ThreadLimit limit(target.threads);
  return onednn::choose_gemm({.batch = 1,
                              .m = p.m,
                              .n = p.n,
                              .k = p.k,
                              .inputs = DType::kBF16,
                              .output = p.output,
                              .weights = onednn::Gemm::Weights::kPanels,
                              .bias = p.bias,
                              .residual = p.residual,
                              .activation = p.activation},
                             reason);
}

std::unique_ptr<onednn::GemmChoice> must_choose(const LinearBf16Problem& p, const Target& target) {
  std::string reason;
  auto choice = choose(p, target, reason);
  LASSO_CHECK(choice != nullptr, ErrorCode::kUnsupported, "linear by oneDNN: {}", reason);
  return choice;
}

Support supports(const LinearBf16Problem& p, const Target& target) {
  std::string reason;
  return choose(p, target, reason) != nullptr ? Support::yes() : Support::no(std::move(reason));
}

KernelPlan plan(const LinearBf16Problem& p, const Target& target) {
  KernelPlan result = bf16::plan_packed(p);
  result.workspace_bytes = must_choose(p, target)->workspace_bytes();
  result.cost = 2.0 * static_cast<double>(p.m * p.n * p.k) / (4e11 * target.threads) + 5e-6;
  return result;
}

std::unique_ptr<KernelState> create(const LinearBf16Problem& p, const Target& target) {
  const ThreadLimit limit(target.threads);
  return std::make_unique<State>(p, *must_choose(p, target));
}

void run(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const State&>(state);
  const LinearBf16Problem& p = s.problem;
  const auto* packed = reinterpret_cast<const std::uint16_t*>(args.packed);
  s.primitive->run(args.inputs[0], packed,
                   reinterpret_cast<const float*>(packed + bf16::panel_elements(p.n, p.k)),
                   p.residual ? static_cast<const float*>(args.inputs[3]) : nullptr,
                   args.outputs[0], args.workspace);
}

}  // namespace

const Kernel<LinearBf16Problem> kLinearBf16OneDnn{
    .name = "onednn",
    .isa = Isa::kAvx512Bf16,
    .supports = supports,
    .plan = plan,
    .pack = bf16::pack,
    .create = create,
    .run = run,
};

}  // namespace lasso::kernels
