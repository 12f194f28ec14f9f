// Every kernel of the lists on Segment Anything's convolutions, on YOLOv7's in all precisions, and
// on those of channels apart.
#include "kernels/conv/conv.h"
#include "kernels/kernel_bench.h"

namespace lasso::kernels {

namespace {

using graph::Activation;

std::size_t size(std::int64_t count) { return static_cast<std::size_t>(count); }

// The instructions whose rate bounds a kernel of the problem.
template <typename Problem>
MultiplyAdd instructions(const Problem& p, const TargetInfo& target) {
  if (p.weights == DType::kBF16) return bf16_multiply_add(target.features);
  return p.weights == DType::kI8 ? int8_multiply_add(target.features)
                                 : fp32_multiply_add(target.features);
}

template <typename Problem>
void bench_conv(benchmark::State& state, const Kernel<Problem>& kernel, const Problem& p) {
  const TargetInfo target = bench::target();
  const Offer offer = ask(kernel, p, target);
  if (!offer) {
    state.SkipWithError(offer.reason.c_str());
    return;
  }
  const std::int64_t k = p.group_channels() * p.kernel_h * p.kernel_w;
  const std::vector<float> w(size(p.filters * k), 0.01F);
  const std::int64_t out = p.batch * p.out_h() * p.out_w() * p.filters;
  bench::Call call(
      kernel, p, target, offer,
      {{DType::kF32, {p.filters, p.group_channels(), p.kernel_h, p.kernel_w}, w.data()}},
      {size(p.batch * p.height * p.width * p.channels)}, size(out));
  bench::time_call(state, call, instructions(p, target), 2.0 * static_cast<double>(out * k), 0);
}

template <typename Problem>
void bench_transpose(benchmark::State& state, const Kernel<Problem>& kernel, const Problem& p) {
  const TargetInfo target = bench::target();
  const Offer offer = ask(kernel, p, target);
  if (!offer) {
    state.SkipWithError(offer.reason.c_str());
    return;
  }
  const std::vector<float> w(size(p.filters * p.channels * p.stride * p.stride), 0.01F);
  const std::int64_t pixels = p.batch * p.height * p.width;
  const std::int64_t out = pixels * p.stride * p.stride * p.filters;
  bench::Call call(kernel, p, target, offer,
                   {{DType::kF32, {p.channels, p.filters, p.stride, p.stride}, w.data()}},
                   {size(pixels * p.channels)}, size(out));
  bench::time_call(state, call, instructions(p, target),
                   2.0 * static_cast<double>(out * p.channels),
                   4.0 * static_cast<double>(pixels * p.channels + out));
}

// Registers every kernel of a list.
template <typename Problem, typename Bench>
void add(const std::string& name, const std::vector<Kernel<Problem>>& kernels, Bench bench,
         const Problem& p) {
  for (const Kernel<Problem>& kernel : kernels) {
    const std::string full = name + "/" + kernel.label();
    benchmark::RegisterBenchmark(full.c_str(), bench, kernel, p);
  }
}

const int kRegistered = [] {
  const std::pair<const char*, Conv2dProblem> convs[] = {
      {"patches_16x16",
       {.height = 1024,
        .width = 1024,
        .channels = 3,
        .filters = 768,
        .kernel_h = 16,
        .kernel_w = 16,
        .stride = 16}},
      {"neck_1x1", {.height = 64, .width = 64, .channels = 768, .filters = 256}},
      {"neck_3x3",
       {.height = 64,
        .width = 64,
        .channels = 256,
        .filters = 256,
        .kernel_h = 3,
        .kernel_w = 3,
        .padding = 1}},
      {"mask_2x2_1",
       {.height = 256,
        .width = 256,
        .channels = 1,
        .filters = 4,
        .kernel_h = 2,
        .kernel_w = 2,
        .stride = 2}},
      {"mask_2x2_4",
       {.height = 128,
        .width = 128,
        .channels = 4,
        .filters = 16,
        .kernel_h = 2,
        .kernel_w = 2,
        .stride = 2}},
      {"mask_1x1", {.height = 64, .width = 64, .channels = 16, .filters = 256}},
  };
  const auto layer = [](std::int64_t size, std::int64_t channels, std::int64_t filters,
                        std::int64_t kernel, std::int64_t stride = 1) -> Conv2dProblem {
    return {.height = size,
            .width = size,
            .channels = channels,
            .filters = filters,
            .kernel_h = kernel,
            .kernel_w = kernel,
            .stride = stride,
            .padding = kernel / 2,
            .bias = true,
            .activation = Activation::kSilu};
  };
  const std::pair<const char*, Conv2dProblem> yolov7[] = {
      {"3x3_640x3_32", layer(640, 3, 32, 3)},       {"3x3_2_640x32_64", layer(640, 32, 64, 3, 2)},
      {"3x3_160x64_64", layer(160, 64, 64, 3)},     {"3x3_80x128_128", layer(80, 128, 128, 3)},
      {"3x3_40x256_256", layer(40, 256, 256, 3)},   {"3x3_20x512_512", layer(20, 512, 512, 3)},
      {"1x1_160x128_64", layer(160, 128, 64, 1)},   {"1x1_80x512_512", layer(80, 512, 512, 1)},
      {"1x1_20x1024_512", layer(20, 1024, 512, 1)},
  };
  const auto grouped = [](std::int64_t size, std::int64_t channels, std::int64_t groups,
                          std::int64_t kernel, std::int64_t stride = 1) -> Conv2dProblem {
    return {.height = size,
            .width = size,
            .channels = channels,
            .filters = channels,
            .kernel_h = kernel,
            .kernel_w = kernel,
            .stride = stride,
            .padding = kernel / 2,
            .groups = groups};
  };
  const std::pair<const char*, Conv2dProblem> groups[] = {
      {"depthwise_3x3_256x64", grouped(256, 64, 64, 3)},
      {"depthwise_3x3_64x160", grouped(64, 160, 160, 3)},
      {"depthwise_3x3_2_128x256", grouped(128, 256, 256, 3, 2)},
      {"depthwise_5x5_14x480", grouped(14, 480, 480, 5)},
      {"depthwise_7x7_56x96", grouped(56, 96, 96, 7)},
      {"groups_2_40x256", grouped(40, 256, 2, 3)},
      {"groups_8_40x128", grouped(40, 128, 8, 3)},
      {"groups_16_40x128", grouped(40, 128, 16, 3)},
      {"groups_32_40x128", grouped(40, 128, 32, 3)},
  };
  for (const auto& [title, p] : yolov7) {
    add(std::string("yolov7/") + title, conv2d_kernels(), bench_conv<Conv2dProblem>, p);
    Conv2dProblem bf16 = p;
    bf16.weights = bf16.input = bf16.output = DType::kBF16;
    add(std::string("yolov7_bf16/") + title, conv2d_kernels(), bench_conv<Conv2dProblem>, bf16);
    Conv2dProblem int8 = p;
    int8.weights = DType::kI8;
    int8.input = int8.output = DType::kU8;
    int8.input_scheme = int8.output_scheme = {0.05F, 6};
    add(std::string("yolov7_int8/") + title, conv2d_kernels(), bench_conv<Conv2dProblem>, int8);
  }
  for (const auto& [title, p] : groups) {
    add(std::string("conv/") + title, conv2d_kernels(), bench_conv<Conv2dProblem>, p);
  }
  for (const auto& [title, p] : convs) {
    add(std::string("conv/") + title, conv2d_kernels(), bench_conv<Conv2dProblem>, p);
    Conv2dProblem bf16 = p;
    bf16.weights = DType::kBF16;
    add(std::string("conv_bf16/") + title, conv2d_kernels(), bench_conv<Conv2dProblem>, bf16);
  }
  const std::pair<const char*, ConvTranspose2dProblem> transposes[] = {
      {"up_256_64", {.height = 64, .width = 64, .channels = 256, .filters = 64}},
      {"up_64_32_gelu",
       {.height = 128,
        .width = 128,
        .channels = 64,
        .filters = 32,
        .activation = Activation::kGelu}},
  };
  for (const auto& [title, p] : transposes) {
    add(std::string("conv_transpose/") + title, conv_transpose2d_kernels(),
        bench_transpose<ConvTranspose2dProblem>, p);
    ConvTranspose2dProblem bf16 = p;
    bf16.weights = DType::kBF16;
    bf16.output = p.filters == 32 ? DType::kBF16 : DType::kF32;
    add(std::string("conv_transpose_bf16/") + title, conv_transpose2d_kernels(),
        bench_transpose<ConvTranspose2dProblem>, bf16);
  }
  return 0;
}();

}  // namespace

}  // namespace lasso::kernels
