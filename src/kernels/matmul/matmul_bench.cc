// Every kernel of the list on the shapes of Segment Anything's hypernetworks and of attention.
#include "kernels/kernel_bench.h"
#include "kernels/matmul/matmul.h"

namespace lasso::kernels {

namespace {

void bench_matmul(benchmark::State& state, const Kernel<MatMulProblem>& kernel,
                  const MatMulProblem& p) {
  const TargetInfo target = bench::target();
  const Offer offer = ask(kernel, p, target);
  if (!offer) {
    state.SkipWithError(offer.reason.c_str());
    return;
  }
  const auto size = [&](std::int64_t count) { return static_cast<std::size_t>(p.batch * count); };
  bench::Call call(kernel, p, target, offer, {}, {size(p.m * p.k), size(p.n * p.k)},
                   size(p.m * p.n));
  bench::time_call(state, call, 2.0 * static_cast<double>(p.batch * p.m * p.n * p.k),
                   4.0 * static_cast<double>(p.batch * (p.m * p.k + p.n * p.k + p.m * p.n)));
}

const int kRegistered = [] {
  const std::pair<Dims, Dims> products[] = {
      {{1, 4, 32}, {1, 65536, 32}},
      {{8, 4, 32}, {8, 65536, 32}},
      {{12, 196, 64}, {12, 196, 64}},
      {{1, 512, 512}, {1, 512, 512}},
  };
  for (const auto& [a, b] : products) {
    for (const Kernel<MatMulProblem>& kernel : matmul_kernels()) {
      const std::string name = "matmul/" + to_string(a) + to_string(b) + "/" + kernel.label();
      benchmark::RegisterBenchmark(name.c_str(), bench_matmul, kernel,
                                   make_matmul_problem({}, a, b));
    }
  }
  return 0;
}();

}  // namespace

}  // namespace lasso::kernels
