// Every kernel of the list on the shapes of Segment Anything's blocks at 4096 tokens, with and
// without what follows the product, as a part of what VDPBF16PS reaches on registers alone.
#include "kernels/kernel_bench.h"
#include "kernels/linear/linear.h"

namespace lasso::kernels {

namespace {

using graph::Activation;

void bench_linear(benchmark::State& state, const Kernel<LinearProblem>& kernel,
                  const LinearProblem& p) {
  const TargetInfo target = bench::target();
  const Offer offer = ask(kernel, p, target);
  if (!offer) {
    state.SkipWithError(offer.reason.c_str());
    return;
  }
  const std::vector<float> w(static_cast<std::size_t>(p.n * p.k), 0.01F);
  const std::vector<float> b(static_cast<std::size_t>(p.n), 0.1F);
  const auto size = [](std::int64_t count) { return static_cast<std::size_t>(count); };
  // Pairs of bfloat16 numbers lie where the call puts float32 ones: both have the range [-1, 1].
  bench::Call call(kernel, p, target, offer,
                   {{DType::kF32, {p.n, p.k}, w.data()}, {DType::kF32, {p.n}, b.data()}},
                   {size((p.m * p.k + 1) / 2), 0, 0, p.residual ? size(p.m * p.n) : 0},
                   size(p.m * p.n));
  bench::time_call(state, call, MultiplyAdd::kBf16Avx512,
                   2.0 * static_cast<double>(p.m * p.n * p.k), 0);
}

const int kRegistered = [] {
  constexpr DType kF32 = DType::kF32;
  constexpr DType kBF16 = DType::kBF16;
  const LinearProblem problems[] = {
      {4096, 2304, 768, true, false, false, false, Activation::kNone, kBF16, kBF16, kBF16},
      {4096, 768, 768, true, true, false, false, Activation::kNone, kBF16, kBF16, kF32},
      {4096, 768, 768, true, false, false, false, Activation::kNone, kBF16, kBF16, kF32},
      {4096, 3072, 768, true, false, false, false, Activation::kNone, kBF16, kBF16, kBF16},
      {4096, 3072, 768, true, false, false, false, Activation::kGelu, kBF16, kBF16, kBF16},
      {4096, 768, 3072, true, true, false, false, Activation::kNone, kBF16, kBF16, kF32},
      {4096, 768, 3072, true, false, false, false, Activation::kNone, kBF16, kBF16, kF32},
      {4096, 3840, 1280, true, false, false, false, Activation::kNone, kBF16, kBF16, kBF16},
      {4096, 1280, 1280, true, true, false, false, Activation::kNone, kBF16, kBF16, kF32},
      {4096, 5120, 1280, true, false, false, false, Activation::kGelu, kBF16, kBF16, kBF16},
      {4096, 1280, 5120, true, true, false, false, Activation::kNone, kBF16, kBF16, kF32},
      {4096, 1024, 4096, true, true, false, false, Activation::kNone, kBF16, kBF16, kF32},
      {64, 768, 768, true, false, false, false, Activation::kNone, kBF16, kBF16, kF32},
      {7, 256, 256, true, true, false, false, Activation::kNone, kBF16, kBF16, kF32},
      {1, 256, 256, true, false, false, false, Activation::kNone, kBF16, kBF16, kF32},
  };
  for (const LinearProblem& p : problems) {
    for (const Kernel<LinearProblem>& kernel : linear_kernels()) {
      if (kernel.is_reference() && p.m * p.n * p.k > 10'000'000) continue;
      const std::string name = "linear_bf16/" + std::to_string(p.m) + "x" + std::to_string(p.n) +
                               "x" + std::to_string(p.k) + "/" +
                               std::string(to_string(p.activation)) +
                               (p.residual ? "+residual/" : "/") +
                               std::string(to_string(p.output)) + "/" + bench::label(kernel);
      benchmark::RegisterBenchmark(name.c_str(), bench_linear, kernel, p);
    }
  }
  return 0;
}();

}  // namespace

}  // namespace lasso::kernels
