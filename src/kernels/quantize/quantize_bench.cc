// Every kernel of the lists on the tokens of Segment Anything's image encoders.
#include "kernels/kernel_bench.h"
#include "kernels/quantize/quantize.h"

namespace lasso::kernels {

namespace {

template <typename Problem>
void bench_rows(benchmark::State& state, const Kernel<Problem>& kernel, const Problem& problem,
                std::size_t count, std::size_t channels, double bytes) {
  const TargetInfo target = bench::target();
  const Offer offer = ask(kernel, problem, target);
  if (!offer) {
    state.SkipWithError(offer.reason.c_str());
    return;
  }
  bench::Call call(kernel, problem, target, offer, {}, {count, channels}, count, count / channels);
  bench::time_call(state, call, 0, bytes);
}

template <typename Problem, typename Register>
void each_kernel(const std::string& name, const std::vector<Kernel<Problem>>& list,
                 const Register& add) {
  for (const Kernel<Problem>& kernel : list) {
    add(name + kernel.label(), kernel);
  }
}

const int kRegistered = [] {
  for (const std::int64_t channels : {768, 1280, 3072}) {
    constexpr std::int64_t kRows = 4096;
    const auto count = static_cast<std::size_t>(kRows * channels);
    const std::string size = std::to_string(kRows) + "x" + std::to_string(channels) + "/";
    for (const DType input : {DType::kF32, DType::kBF16}) {
      const std::size_t width = size_of(input);
      const QuantizeProblem quantize{kRows, channels, input, true};
      each_kernel("quantize/" + size + std::string(to_string(input)) + "/", quantize_kernels(),
                  [&](const std::string& name, const auto& kernel) {
                    benchmark::RegisterBenchmark(name.c_str(), bench_rows<QuantizeProblem>, kernel,
                                                 quantize, count,
                                                 static_cast<std::size_t>(channels),
                                                 static_cast<double>(count * (width + 1)));
                  });
      const DType to = input == DType::kF32 ? DType::kBF16 : DType::kF32;
      const CastProblem cast{kRows * channels, input, to};
      each_kernel("cast/" + size + std::string(to_string(to)) + "/", cast_kernels(),
                  [&](const std::string& name, const auto& kernel) {
                    benchmark::RegisterBenchmark(name.c_str(), bench_rows<CastProblem>, kernel,
                                                 cast, count, static_cast<std::size_t>(channels),
                                                 static_cast<double>(count * 6));
                  });
    }
  }
  return 0;
}();

}  // namespace

}  // namespace lasso::kernels
