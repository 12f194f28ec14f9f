// Every kernel of the list on the mask decoder's sizes, in both types and by prompts.
#include "kernels/kernel_bench.h"
#include "kernels/upscaling/upscaling.h"

namespace lasso::kernels {

namespace {

void bench_upscaling(benchmark::State& state, const Kernel<MaskUpscalingProblem>& kernel,
                     const MaskUpscalingProblem& p) {
  const TargetInfo target = bench::target();
  const Offer offer = ask(kernel, p, target);
  if (!offer) {
    state.SkipWithError(offer.reason.c_str());
    return;
  }
  const auto zeros = [&](std::int64_t channels, std::int64_t filters) {
    const auto count = static_cast<std::size_t>(channels * filters * p.area());
    return make_tensor({channels, filters, p.stride, p.stride}, std::vector<float>(count));
  };
  const Tensor first = zeros(p.channels, p.middle);
  const Tensor second = zeros(p.middle, p.filters);
  const auto count = [](std::int64_t numbers) { return static_cast<std::size_t>(numbers); };
  const std::size_t pixels = count(p.batch * p.height * p.width);
  const std::size_t logits = count(p.masks * p.area() * p.area()) * pixels;
  bench::Call call(kernel, p, target, offer, {first.view(), {}, second.view(), {}},
                   {count(p.batch * p.masks * p.filters), pixels * count(p.channels), 0, 0,
                    count(p.middle), count(p.middle), 0, 0},
                   logits);
  const MultiplyAdd multiply_add = p.weights == DType::kBF16 ? bf16_multiply_add(target.features)
                                                             : fp32_multiply_add(target.features);
  bench::time_call(state, call, multiply_add, operations(p),
                   static_cast<double>(pixels * count(p.channels) + logits) * sizeof(float));
}

const int kRegistered = [] {
  for (const DType weights : {DType::kF32, DType::kBF16}) {
    for (const std::int64_t batch : {1, 8}) {
      const MaskUpscalingProblem p{.batch = batch,
                                   .height = 64,
                                   .width = 64,
                                   .channels = 256,
                                   .middle = 64,
                                   .filters = 32,
                                   .masks = 4,
                                   .first = graph::Activation::kGelu,
                                   .second = graph::Activation::kGelu,
                                   .weights = weights};
      for (const auto& kernel : mask_upscaling_kernels()) {
        const std::string name = "mask_upscaling/" + std::to_string(batch) + "/" +
                                 std::string(to_string(weights)) + "/" + kernel.label();
        benchmark::RegisterBenchmark(name.c_str(), bench_upscaling, kernel, p);
      }
    }
  }
  return 0;
}();

}  // namespace

}  // namespace lasso::kernels
