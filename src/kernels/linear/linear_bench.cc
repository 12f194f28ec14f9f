// Every kernel of the list in float32 on the shapes of Segment Anything: ViT-B's and ViT-H's blocks
// at 4096 tokens, the decoder's layers at 7 tokens.
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
  bench::Call call(kernel, p, target, offer,
                   {{DType::kF32, {p.n, p.k}, w.data()}, {DType::kF32, {p.n}, b.data()}},
                   {size(p.m * p.k), 0, 0, p.residual ? size(p.m * p.n) : 0}, size(p.m * p.n));
  bench::time_call(state, call, 2.0 * static_cast<double>(p.m * p.n * p.k), 0);
}

const int kRegistered = [] {
  const LinearProblem linears[] = {
      {4096, 2304, 768, true, false, false, false, Activation::kNone},
      {4096, 768, 768, true, true, false, false, Activation::kNone},
      {4096, 3072, 768, true, false, false, false, Activation::kNone},
      {4096, 3072, 768, true, false, false, false, Activation::kGelu},
      {4096, 768, 3072, true, true, false, false, Activation::kNone},
      {4096, 5120, 1280, true, false, false, false, Activation::kGelu},
      {4096, 1280, 5120, true, true, false, false, Activation::kNone},
      {4096, 128, 256, true, false, false, false, Activation::kNone},
      {4096, 256, 256, true, true, false, false, Activation::kNone},
      {49, 768, 768, true, false, false, false, Activation::kNone},
      {16, 256, 256, true, false, false, false, Activation::kNone},
      {7, 128, 256, true, false, false, false, Activation::kNone},
      {7, 256, 256, true, true, false, false, Activation::kNone},
      {7, 2048, 256, true, false, false, false, Activation::kRelu},
      {7, 256, 2048, true, true, false, false, Activation::kNone},
      {1, 256, 256, true, false, false, false, Activation::kRelu},
      {1, 32, 256, true, false, false, false, Activation::kNone},
      {1, 4, 256, true, false, false, false, Activation::kNone},
  };
  for (const LinearProblem& p : linears) {
    for (const Kernel<LinearProblem>& kernel : linear_kernels()) {
      if (kernel.is_reference() && p.m * p.n * p.k > 10'000'000) continue;
      const std::string name = "linear/" + std::to_string(p.m) + "x" + std::to_string(p.n) + "x" +
                               std::to_string(p.k) + "/" + std::string(to_string(p.activation)) +
                               (p.residual ? "+residual/" : "/") + bench::label(kernel);
      benchmark::RegisterBenchmark(name.c_str(), bench_linear, kernel, p);
    }
  }
  return 0;
}();

}  // namespace

}  // namespace lasso::kernels
