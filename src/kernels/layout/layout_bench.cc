// Every kernel of the lists on Segment Anything's sizes.
#include "kernels/kernel_bench.h"
#include "kernels/layout/layout.h"

namespace lasso::kernels {

namespace {

template <typename Problem>
void bench_layout(benchmark::State& state, const Kernel<Problem>& kernel, const Problem& problem,
                  std::size_t in_floats, std::size_t out_floats) {
  const TargetInfo target = bench::target();
  const Offer offer = ask(kernel, problem, target);
  if (!offer) {
    state.SkipWithError(offer.reason.c_str());
    return;
  }
  bench::Call call(kernel, problem, target, offer, {}, {in_floats, out_floats - in_floats},
                   out_floats);
  bench::time_call(state, call, 0, 8.0 * static_cast<double>(out_floats));
}

void register_copy(const std::string& title, const CopyProblem& problem, std::int64_t in,
                   std::int64_t out) {
  for (const auto& kernel : copy_kernels()) {
    const std::string name = title + "/" + kernel.label();
    benchmark::RegisterBenchmark(name.c_str(), bench_layout<CopyProblem>, kernel, problem,
                                 static_cast<std::size_t>(in), static_cast<std::size_t>(out));
  }
}

const int kRegistered = [] {
  constexpr std::int64_t kImage = 64 * 64 * 256;
  register_copy("transpose/nhwc_to_nchw", make_transpose_problem({1, 64, 64, 256}, 4, {0, 3, 1, 2}),
                kImage, kImage);
  register_copy("transpose/nchw_to_nhwc", make_transpose_problem({1, 256, 64, 64}, 4, {0, 2, 3, 1}),
                kImage, kImage);
  register_copy("expand/prompts", make_expand_problem({1, 64, 64, 256}, 4, {8, 64, 64, 256}),
                kImage, 8 * kImage);
  register_copy("copy", make_expand_problem({kImage}, 4, {kImage}), kImage, kImage);
  return 0;
}();

}  // namespace

}  // namespace lasso::kernels
