// Every kernel of the list on YOLOv7's and SAM's images.
#include "kernels/kernel_bench.h"
#include "kernels/resize/resize.h"

namespace lasso::kernels {

namespace {

void bench_resize(benchmark::State& state, const Kernel<ResizeProblem>& kernel,
                  const ResizeProblem& p) {
  const TargetInfo target = bench::target();
  const Offer offer = ask(kernel, p, target);
  if (!offer) {
    state.SkipWithError(offer.reason.c_str());
    return;
  }
  const std::int64_t in = p.batch * p.rows() * p.columns() * p.channels;
  bench::Call call(kernel, p, target, offer, {}, {static_cast<std::size_t>(in)},
                   static_cast<std::size_t>(p.count()));
  bench::time_call(state, call, 0, 4.0 * static_cast<double>(in + p.count()));
}

ResizeProblem square(graph::ResizeMode mode, std::int64_t size, std::int64_t result,
                     std::int64_t channels) {
  const bool nearest = mode == graph::ResizeMode::kNearest;
  const ResizeAxis axis{.size = size,
                        .result = result,
                        .shift = nearest ? 0.0F : 0.5F,
                        .divisor = static_cast<float>(result) / static_cast<float>(size)};
  return {.mode = mode,
          .rounding = graph::NearestRounding::kFloor,
          .channels = channels,
          .h = axis,
          .w = axis};
}

ResizeProblem twice(std::int64_t size, std::int64_t between, std::int64_t result) {
  const ResizeProblem first = square(graph::ResizeMode::kLinear, size, between, 1);
  ResizeProblem p = square(graph::ResizeMode::kLinear, between, result, 1);
  p.batch = 4;
  p.is_double = true;
  p.first_h = first.h;
  p.first_w = first.w;
  return p;
}

const int kRegistered = [] {
  using graph::ResizeMode;
  const std::pair<const char*, ResizeProblem> images[] = {
      {"yolov7_20x256", square(ResizeMode::kNearest, 20, 40, 256)},
      {"yolov7_40x128", square(ResizeMode::kNearest, 40, 80, 128)},
      {"mask_256x1", square(ResizeMode::kLinear, 256, 1024, 1)},
      {"masks_256x4", square(ResizeMode::kLinear, 256, 1024, 4)},
      {"mask_1024x1", square(ResizeMode::kLinear, 1024, 1500, 1)},
      {"features_64x256", square(ResizeMode::kLinear, 64, 128, 256)},
      {"masks_256_1024_1000", twice(256, 1024, 1000)},
      {"cubic_64x4", square(ResizeMode::kCubic, 64, 256, 4)},
  };
  for (const auto& [title, p] : images) {
    for (const Kernel<ResizeProblem>& kernel : resize_kernels()) {
      const std::string name = std::string(title) + "/" + kernel.label();
      benchmark::RegisterBenchmark(name.c_str(), bench_resize, kernel, p);
    }
  }
  return 0;
}();

}  // namespace

}  // namespace lasso::kernels
