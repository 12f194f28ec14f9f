// Every kernel of the list on Segment Anything's sizes.
#include "kernels/kernel_bench.h"
#include "kernels/norm/norm.h"

namespace lasso::kernels {

namespace {

using graph::Activation;

void bench_norm(benchmark::State& state, const Kernel<LayerNormProblem>& kernel,
                const LayerNormProblem& p) {
  const TargetInfo target = bench::target();
  const Offer offer = ask(kernel, p, target);
  if (!offer) {
    state.SkipWithError(offer.reason.c_str());
    return;
  }
  const auto channels = static_cast<std::size_t>(p.channels);
  const auto count = static_cast<std::size_t>(p.rows) * channels;
  bench::Call call(kernel, p, target, offer, {}, {count, channels, channels}, count,
                   static_cast<std::size_t>(p.rows));
  const auto moved = static_cast<double>(count * (sizeof(float) + size_of(p.output)));
  bench::time_call(state, call, 0, moved);
}

const int kRegistered = [] {
  const LayerNormProblem problems[] = {
      {.rows = 4096, .channels = 768},
      {.rows = 4096, .channels = 768, .output = DType::kBF16},
      {.rows = 4096, .channels = 768, .output = DType::kU8},
      {.rows = 4096, .channels = 1280},
      {.rows = 4096, .channels = 256},
      {.rows = 16384, .channels = 64, .activation = Activation::kGelu},
      {.rows = 7, .channels = 256},
  };
  for (const LayerNormProblem& p : problems) {
    for (const auto& kernel : layer_norm_kernels()) {
      const std::string name = "layer_norm/" + std::to_string(p.rows) + "x" +
                               std::to_string(p.channels) + "/" +
                               std::string(to_string(p.activation)) + "/" +
                               std::string(to_string(p.output)) + "/" + kernel.label();
      benchmark::RegisterBenchmark(name.c_str(), bench_norm, kernel, p);
    }
  }
  return 0;
}();

}  // namespace

}  // namespace lasso::kernels
