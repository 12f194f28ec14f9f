// Every kernel of the list on the windows of YOLOv7.
#include "kernels/kernel_bench.h"
#include "kernels/pool/pool.h"

namespace lasso::kernels {

namespace {

void bench_pool(benchmark::State& state, const Kernel<Pool2dProblem>& kernel,
                const Pool2dProblem& p) {
  const TargetInfo target = bench::target();
  const Offer offer = ask(kernel, p, target);
  if (!offer) {
    state.SkipWithError(offer.reason.c_str());
    return;
  }
  const std::int64_t in = p.batch * p.h.size * p.w.size * p.channels;
  bench::Call call(kernel, p, target, offer, {}, {static_cast<std::size_t>(in)},
                   static_cast<std::size_t>(p.count()));
  bench::time_call(state, call, 0, 4.0 * static_cast<double>(in + p.count()));
}

Pool2dProblem square(std::int64_t size, std::int64_t channels, std::int64_t kernel,
                     std::int64_t stride, std::int64_t padding) {
  const PoolAxis axis{.size = size,
                      .result = (size + 2 * padding - kernel) / stride + 1,
                      .kernel = kernel,
                      .stride = stride,
                      .before = padding,
                      .after = padding};
  return {.channels = channels, .h = axis, .w = axis};
}

const int kRegistered = [] {
  const std::pair<const char*, Pool2dProblem> pools[] = {
      {"halving_160x128", square(160, 128, 2, 2, 0)},
      {"halving_40x512", square(40, 512, 2, 2, 0)},
      {"spp_5", square(20, 512, 5, 1, 2)},
      {"spp_9", square(20, 512, 9, 1, 4)},
      {"spp_13", square(20, 512, 13, 1, 6)},
  };
  for (const auto& [title, max] : pools) {
    for (const graph::PoolKind kind : {graph::PoolKind::kMax, graph::PoolKind::kAverage}) {
      Pool2dProblem p = max;
      p.kind = kind;
      for (const Kernel<Pool2dProblem>& kernel : pool2d_kernels()) {
        const std::string name = std::string(to_string(kind)) + "/" + title + "/" + kernel.label();
        benchmark::RegisterBenchmark(name.c_str(), bench_pool, kernel, p);
      }
    }
  }
  return 0;
}();

}  // namespace

}  // namespace lasso::kernels
