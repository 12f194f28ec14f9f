// Linear by oneDNN in float32 and bfloat16, with our packed weights: for many rows. Rows in float32
// of a layer in bfloat16 are rounded first.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "core/aligned_buffer.h"
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

bool rounds_rows(const LinearProblem& p) { return p.input != p.weights; }

// Rows that one call computes: all of them, or, where they are rounded first, equal blocks of a
// memory that is bounded and stays in the second cache.
std::int64_t block_rows(const LinearProblem& p) {
  if (!rounds_rows(p)) return p.m;
  constexpr std::int64_t kMost = 4096;
  constexpr std::int64_t kLeast = 1024;
  for (std::int64_t blocks = (p.m + kMost - 1) / kMost; blocks <= p.m / kLeast; ++blocks) {
    if (p.m % blocks == 0) return p.m / blocks;
  }
  return p.m;
}

// Of workspace, before oneDNN's own: a block of x in bfloat16.
std::size_t rounded_bytes(const LinearProblem& p) {
  if (!rounds_rows(p)) return 0;
  return align_up(static_cast<std::size_t>(block_rows(p) * p.k) * sizeof(std::uint16_t));
}

// Below, a call costs more than it gains over our own product.
constexpr std::int64_t kFewRows = 64;

Offer offer(const LinearProblem& p, const TargetInfo& target, MultiplyAdd multiply_add) {
  if (!p.packed) return Offer::no("the weights are not constant");
  if (p.m < kFewRows) return Offer::no("few rows");
  const ThreadLimit limit(target.threads);
  std::string reason;
  std::shared_ptr<onednn::GemmChoice> choice =
      onednn::choose_gemm({.batch = 1,
                           .m = block_rows(p),
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
  offer.workspace_bytes = rounded_bytes(p) + choice->workspace_bytes();
  offer.implementation = choice->implementation();
  offer.cost = operations(p) / onednn::rate(*choice, multiply_add, target);
  offer.found = std::move(choice);
  return offer;
}

Offer offer_f32(const LinearProblem& p, const TargetInfo& target) {
  if (p.weights != DType::kF32) return Offer::no("weights other than float32");
  Offer result = offer(p, target, MultiplyAdd::kFp32Avx512);
  // It gives every thread an equal part, so that the slowest decides; our own product, which gives
  // parts out as threads are free, took 0.74 to 0.81 of its time with 4 to 16 threads of a shared
  // machine, and 1.02 to 1.10 with two.
  constexpr int kFewThreads = 2;
  constexpr double kUneven = 1.2;
  if (target.threads > kFewThreads) result.cost *= kUneven;
  return result;
}

Offer offer_bf16(const LinearProblem& p, const TargetInfo& target) {
  if (p.weights != DType::kBF16) return Offer::no("weights other than bfloat16");
  Offer result = offer(p, target, MultiplyAdd::kBf16Avx512);
  if (!result) return result;
  const auto add = [&](double products, std::int64_t elements, MultiplyAdd multiply_add) {
    result.cost += 2 * products * static_cast<double>(elements) / target.rate(multiply_add);
  };
  // Its GELU, made for float32, takes as long as so many more products of each element, and so
  // does rounding x in a pass of its own, in products of float32.
  constexpr double kGeluProducts = 400;
  constexpr double kRoundingProducts = 16;
  if (p.activation == graph::Activation::kGelu && p.output == DType::kBF16) {
    add(kGeluProducts, p.m * p.n, MultiplyAdd::kBf16Avx512);
  }
  if (p.input == DType::kF32) add(kRoundingProducts, p.m * p.k, MultiplyAdd::kFp32Avx512);
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
  const auto* bias = reinterpret_cast<const float*>(args.packed + weights);
  const auto* residual = p.residual ? static_cast<const float*>(args.inputs[3]) : nullptr;
  auto* y = static_cast<std::byte*>(args.outputs[0]);
  if (!rounds_rows(p)) {
    s.primitive->run(args.inputs[0], args.packed, bias, residual, y, args.workspace);
    return;
  }
  const auto* x = static_cast<const float*>(args.inputs[0]);
  auto* rounded = reinterpret_cast<std::uint16_t*>(args.workspace);
  const std::int64_t rows = block_rows(p);
  for (std::int64_t row = 0; row < p.m; row += rows) {
    parallel_ranges(rows * p.k, [&](std::int64_t begin, std::int64_t end) {
      bf16::kAvx512Bf16.round(x + row * p.k + begin, end - begin, rounded + begin);
    });
    s.primitive->run(rounded, args.packed, bias,
                     residual == nullptr ? nullptr : residual + row * p.n,
                     y + row * p.n * static_cast<std::int64_t>(size_of(p.output)),
                     args.workspace + rounded_bytes(p));
  }
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
