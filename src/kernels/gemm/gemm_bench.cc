// Every kernel of the lists on the shapes of Segment Anything: ViT-B's and ViT-H's blocks at 4096
// tokens, the decoder's layers at 7 tokens, the hypernetworks' products.
#include "kernels/gemm/gemm.h"
#include "kernels/kernel_bench.h"

namespace lasso::kernels {

namespace {

using graph::Activation;

void bench_linear(benchmark::State& state, const Kernel<LinearProblem>& kernel,
                  const LinearProblem& p) {
  const Target target{.isa = usable_isa(), .threads = omp_get_max_threads()};
  const Support support = kernel.supports(p, target);
  if (kernel.isa > target.isa || !support) {
    state.SkipWithError(support ? "ISA" : support.reason().c_str());
    return;
  }
  const std::vector<float> w(static_cast<std::size_t>(p.n * p.k), 0.01F);
  const std::vector<float> b(static_cast<std::size_t>(p.n), 0.1F);
  const auto size = [](std::int64_t count) { return static_cast<std::size_t>(count); };
  bench::Call call(kernel, p, target,
                   {{DType::kF32, {p.n, p.k}, w.data()}, {DType::kF32, {p.n}, b.data()}},
                   {size(p.m * p.k), 0, 0, p.residual ? size(p.m * p.n) : 0}, size(p.m * p.n));
  bench::time_call(state, call, target.isa, 2.0 * static_cast<double>(p.m * p.n * p.k), 0);
}

void bench_matmul(benchmark::State& state, const Kernel<MatMulProblem>& kernel,
                  const MatMulProblem& p) {
  const Target target{.isa = usable_isa(), .threads = omp_get_max_threads()};
  const Support support = kernel.supports(p, target);
  if (kernel.isa > target.isa || !support) {
    state.SkipWithError(support ? "ISA" : support.reason().c_str());
    return;
  }
  const auto size = [&](std::int64_t count) { return static_cast<std::size_t>(p.batch * count); };
  bench::Call call(kernel, p, target, {}, {size(p.m * p.k), size(p.n * p.k)}, size(p.m * p.n));
  bench::time_call(state, call, target.isa, 2.0 * static_cast<double>(p.batch * p.m * p.n * p.k),
                   4.0 * static_cast<double>(p.batch * (p.m * p.k + p.n * p.k + p.m * p.n)));
}

const int kRegistered = [] {
  const LinearProblem linears[] = {
      {4096, 2304, 768, true, false, Activation::kNone, true},
      {4096, 768, 768, true, true, Activation::kNone, true},
      {4096, 3072, 768, true, false, Activation::kNone, true},
      {4096, 3072, 768, true, false, Activation::kGelu, true},
      {4096, 768, 3072, true, true, Activation::kNone, true},
      {4096, 5120, 1280, true, false, Activation::kGelu, true},
      {4096, 1280, 5120, true, true, Activation::kNone, true},
      {4096, 128, 256, true, false, Activation::kNone, true},
      {4096, 256, 256, true, true, Activation::kNone, true},
      {49, 768, 768, true, false, Activation::kNone, true},
      {16, 256, 256, true, false, Activation::kNone, true},
      {7, 128, 256, true, false, Activation::kNone, true},
      {7, 256, 256, true, true, Activation::kNone, true},
      {7, 2048, 256, true, false, Activation::kRelu, true},
      {7, 256, 2048, true, true, Activation::kNone, true},
      {1, 256, 256, true, false, Activation::kRelu, true},
      {1, 32, 256, true, false, Activation::kNone, true},
      {1, 4, 256, true, false, Activation::kNone, true},
  };
  for (const LinearProblem& p : linears) {
    for (const Kernel<LinearProblem>& kernel : linear_kernels()) {
      if (kernel.isa == Isa::kReference && p.m * p.n * p.k > 10'000'000) continue;
      const std::string name = "linear/" + std::to_string(p.m) + "x" + std::to_string(p.n) + "x" +
                               std::to_string(p.k) + "/" + std::string(to_string(p.activation)) +
                               (p.residual ? "+residual/" : "/") + std::string(kernel.name) + "." +
                               std::string(to_string(kernel.isa));
      benchmark::RegisterBenchmark(name.c_str(), bench_linear, kernel, p);
    }
  }
  const std::pair<Dims, Dims> products[] = {
      {{1, 4, 32}, {1, 65536, 32}},
      {{8, 4, 32}, {8, 65536, 32}},
      {{12, 196, 64}, {12, 196, 64}},
      {{1, 512, 512}, {1, 512, 512}},
  };
  for (const auto& [a, b] : products) {
    for (const Kernel<MatMulProblem>& kernel : matmul_kernels()) {
      const std::string name = "matmul/" + to_string(a) + to_string(b) + "/" +
                               std::string(kernel.name) + "." + std::string(to_string(kernel.isa));
      benchmark::RegisterBenchmark(name.c_str(), bench_matmul, kernel,
                                   make_matmul_problem({}, a, b));
    }
  }
  return 0;
}();

}  // namespace

}  // namespace lasso::kernels
