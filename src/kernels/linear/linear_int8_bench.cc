// Every kernel of the list on the shapes of Segment Anything's image encoders, with what each layer
// does to its sums and without, against the machine's peak of multiply-adds of bytes.
#include "core/peak.h"
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
  const auto size = [](std::int64_t count) { return static_cast<std::size_t>(count); };
  std::vector<float> w(size(p.n * p.k));
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = static_cast<float>(i % 255) - 127.0F;
  const std::vector<float> b(size(p.n), 0.1F);
  bench::Call call(kernel, p, target, offer,
                   {{DType::kF32, {p.n, p.k}, w.data()}, {DType::kF32, {p.n}, b.data()}},
                   {size(p.m * p.k / 4 + 1), 0, 0, p.residual ? size(p.m * p.n) : 0, size(p.m)},
                   size(p.m * p.n), size(p.m));
  const MultiplyAdd peak = target.features.has(CpuFeature::kAvx512Vnni)
                               ? MultiplyAdd::kInt8Avx512
                               : fp32_multiply_add(target.features);
  bench::time_call(state, call, peak, 2.0 * static_cast<double>(p.m * p.n * p.k), 0);
}

const int kRegistered = [] {
  constexpr auto kNone = Activation::kNone;
  constexpr auto kGelu = Activation::kGelu;
  const auto layer = [](std::int64_t m, std::int64_t n, std::int64_t k, Activation activation,
                        DType output, bool residual) {
    return LinearProblem{.m = m,
                         .n = n,
                         .k = k,
                         .bias = true,
                         .residual = residual,
                         .activation = activation,
                         .weights = DType::kI8,
                         .input = DType::kU8,
                         .output = output};
  };
  std::vector<LinearProblem> problems;
  for (const std::int64_t c : {768, 1024, 1280}) {  // ViT-B, ViT-L, ViT-H
    problems.push_back(layer(4096, 3 * c, c, kNone, DType::kBF16, false));
    problems.push_back(layer(4096, 3 * c, c, kNone, DType::kF32, false));
    problems.push_back(layer(4096, c, c, kNone, DType::kF32, true));
    problems.push_back(layer(4096, c, c, kNone, DType::kF32, false));
    problems.push_back(layer(4096, 4 * c, c, kGelu, DType::kU8, false));
    problems.push_back(layer(4096, 4 * c, c, kNone, DType::kU8, false));
    problems.push_back(layer(4096, 4 * c, c, kNone, DType::kF32, false));
    problems.push_back(layer(4096, c, 4 * c, kNone, DType::kF32, true));
    problems.push_back(layer(4096, c, 4 * c, kNone, DType::kF32, false));
  }
  for (const std::int64_t m : {1, 7, 49, 196}) {
    problems.push_back(layer(m, 768, 768, kNone, DType::kF32, false));
    problems.push_back(layer(m, 2048, 256, kGelu, DType::kU8, false));
  }
  for (const LinearProblem& p : problems) {
    for (const Kernel<LinearProblem>& kernel : linear_kernels()) {
      if (kernel.is_reference() && p.m * p.n * p.k > 10'000'000) continue;
      const std::string name = "linear_int8/" + std::to_string(p.m) + "x" + std::to_string(p.n) +
                               "x" + std::to_string(p.k) + "/" +
                               std::string(to_string(p.activation)) + "/" +
                               std::string(to_string(p.output)) +
                               (p.residual ? "+residual/" : "/") + bench::label(kernel);
      benchmark::RegisterBenchmark(name.c_str(), bench_linear, kernel, p);
    }
  }
  return 0;
}();

}  // namespace

}  // namespace lasso::kernels
