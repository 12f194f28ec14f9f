// Every kernel of the lists on Segment Anything's sizes.
#include "kernels/elementwise/elementwise.h"
#include "kernels/kernel_bench.h"

namespace lasso::kernels {

namespace {

using graph::Activation;

std::size_t size(std::int64_t count) { return static_cast<std::size_t>(count); }

void bench_binary(benchmark::State& state, const Kernel<BinaryProblem>& kernel, const Dims& a,
                  const Dims& b) {
  const BinaryProblem p = make_binary_problem({}, a, b);
  const TargetInfo target = bench::target();
  const Offer offer = ask(kernel, p, target);
  if (!offer) {
    state.SkipWithError(offer.reason.c_str());
    return;
  }
  bench::Call call(kernel, p, target, offer, {}, {size(element_count(a)), size(element_count(b))},
                   size(p.count()));
  bench::time_call(state, call, 0,
                   4.0 * static_cast<double>(element_count(a) + element_count(b) + p.count()));
}

void bench_unary(benchmark::State& state, const Kernel<UnaryProblem>& kernel,
                 const UnaryProblem& p) {
  const TargetInfo target = bench::target();
  const Offer offer = ask(kernel, p, target);
  if (!offer) {
    state.SkipWithError(offer.reason.c_str());
    return;
  }
  bench::Call call(kernel, p, target, offer, {}, {size(p.count)}, size(p.count));
  bench::time_call(state, call, 0, 8.0 * static_cast<double>(p.count));
}

const int kRegistered = [] {
  const std::pair<Dims, Dims> shapes[] = {
      {{1, 64, 64, 768}, {1, 64, 64, 768}},
      {{8, 4096, 256}, {1, 4096, 256}},
      {{1, 4096, 256}, {256}},
      {{1, 7, 256}, {1, 7, 256}},
  };
  for (const auto& [a, b] : shapes) {
    for (const auto& kernel : binary_kernels()) {
      const std::string name = "binary/" + to_string(a) + "+" + to_string(b) + "/" + kernel.label();
      benchmark::RegisterBenchmark(name.c_str(), bench_binary, kernel, a, b);
    }
  }
  for (const Activation activation :
       {Activation::kGelu, Activation::kRelu, Activation::kSigmoid, Activation::kSilu}) {
    for (const auto& kernel : unary_kernels()) {
      const std::string name = "unary/" + std::string(to_string(activation)) + "/" + kernel.label();
      benchmark::RegisterBenchmark(
          name.c_str(), bench_unary, kernel,
          UnaryProblem{.kind = graph::unary_of(activation), .count = 4096 * 256});
    }
  }
  return 0;
}();

}  // namespace

}  // namespace lasso::kernels
