// Every kernel of the list on the shapes of Segment Anything's blocks at 4096 tokens, with and
// without what follows the product, as a part of what VDPBF16PS reaches on registers alone.
#include "kernels/gemm_bf16/gemm_bf16.h"
#include "kernels/kernel_bench.h"

namespace lasso::kernels {

namespace {

using graph::Activation;

void bench_linear(benchmark::State& state, const Kernel<LinearBf16Problem>& kernel,
                  const LinearBf16Problem& p) {
  const Target target{.isa = usable_isa(), .threads = omp_get_max_threads()};
  const Support support = kernel.supports(p, target);
  if (kernel.isa > target.isa || !support) {
    state.SkipWithError(support ? "ISA" : support.reason().c_str());
    return;
  }
  const std::vector<float> w(static_cast<std::size_t>(p.n * p.k), 0.01F);
  const std::vector<float> b(static_cast<std::size_t>(p.n), 0.1F);
  const auto size = [](std::int64_t count) { return static_cast<std::size_t>(count); };
  // Pairs of bfloat16 numbers lie where the call puts float32 ones: both have the range [-1, 1].
  bench::Call call(
      kernel, p, target, {{DType::kF32, {p.n, p.k}, w.data()}, {DType::kF32, {p.n}, b.data()}},
      {size((p.m * p.k + 1) / 2), 0, 0, p.residual ? size(p.m * p.n) : 0}, size(p.m * p.n));
  bench::time_call(state, call, MultiplyAdd::kBf16Avx512,
                   2.0 * static_cast<double>(p.m * p.n * p.k), 0);
}

const int kRegistered = [] {
  constexpr DType kF32 = DType::kF32;
  constexpr DType kBF16 = DType::kBF16;
  const LinearBf16Problem problems[] = {
      {4096, 2304, 768, true, false, Activation::kNone, kBF16},
      {4096, 768, 768, true, true, Activation::kNone, kF32},
      {4096, 768, 768, true, false, Activation::kNone, kF32},
      {4096, 3072, 768, true, false, Activation::kNone, kBF16},
      {4096, 3072, 768, true, false, Activation::kGelu, kBF16},
      {4096, 768, 3072, true, true, Activation::kNone, kF32},
      {4096, 768, 3072, true, false, Activation::kNone, kF32},
      {4096, 3840, 1280, true, false, Activation::kNone, kBF16},
      {4096, 1280, 1280, true, true, Activation::kNone, kF32},
      {4096, 5120, 1280, true, false, Activation::kGelu, kBF16},
      {4096, 1280, 5120, true, true, Activation::kNone, kF32},
      {4096, 1024, 4096, true, true, Activation::kNone, kF32},
      {64, 768, 768, true, false, Activation::kNone, kF32},
      {7, 256, 256, true, true, Activation::kNone, kF32},
      {1, 256, 256, true, false, Activation::kNone, kF32},
  };
  for (const LinearBf16Problem& p : problems) {
    for (const Kernel<LinearBf16Problem>& kernel : linear_bf16_kernels()) {
      if (kernel.isa == Isa::kReference && p.m * p.n * p.k > 10'000'000) continue;
      const std::string name = "linear_bf16/" + std::to_string(p.m) + "x" + std::to_string(p.n) +
                               "x" + std::to_string(p.k) + "/" +
                               std::string(to_string(p.activation)) +
                               (p.residual ? "+residual/" : "/") +
                               std::string(to_string(p.output)) + "/" + std::string(kernel.name);
      benchmark::RegisterBenchmark(name.c_str(), bench_linear, kernel, p);
    }
  }
  return 0;
}();

}  // namespace

}  // namespace lasso::kernels
