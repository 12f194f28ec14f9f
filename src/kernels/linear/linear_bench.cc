// Every kernel of the list on the shapes of Segment Anything: the blocks of the image encoders at
// 4096 tokens, with and without what follows the product, and the decoder's layers at 7 tokens. The
// peak is that of the best instruction for the numbers.
#include "kernels/kernel_bench.h"
#include "kernels/linear/linear.h"

namespace lasso::kernels {

namespace {

using graph::Activation;

constexpr DType kF32 = DType::kF32;
constexpr DType kBF16 = DType::kBF16;
constexpr DType kI8 = DType::kI8;
constexpr DType kU8 = DType::kU8;
constexpr auto kNone = Activation::kNone;
constexpr auto kRelu = Activation::kRelu;
constexpr auto kGelu = Activation::kGelu;

MultiplyAdd peak_of(const LinearProblem& p, CpuFeatures features) {
  if (p.weights == kBF16) return bf16_multiply_add(features);
  return p.weights == kI8 ? int8_multiply_add(features) : fp32_multiply_add(features);
}

void bench_linear(benchmark::State& state, const Kernel<LinearProblem>& kernel,
                  const LinearProblem& p) {
  const TargetInfo target = bench::target();
  const Offer offer = ask(kernel, p, target);
  if (!offer) {
    state.SkipWithError(offer.reason.c_str());
    return;
  }
  const auto size = [](std::int64_t count) { return static_cast<std::size_t>(count); };
  std::vector<float> w(size(p.n * p.k), 0.01F);
  if (p.weights == kI8) {
    for (std::size_t i = 0; i < w.size(); ++i) w[i] = static_cast<float>(i % 255) - 127.0F;
  }
  const std::vector<float> b(size(p.n), 0.1F);
  // Smaller numbers lie where the call puts float32 ones, whose bits are finite ones of theirs,
  // too.
  const std::size_t input_floats = size(p.m * p.k) * size_of(p.input) / sizeof(float) + 1;
  const std::size_t scales = p.weights == kI8 ? size(p.m) : 0;
  bench::Call call(
      kernel, p, target, offer, {{kF32, {p.n, p.k}, w.data()}, {kF32, {p.n}, b.data()}},
      {input_floats, 0, 0, p.residual ? size(p.m * p.n) : 0, scales}, size(p.m * p.n), scales);
  bench::time_call(state, call, peak_of(p, target.features),
                   2.0 * static_cast<double>(p.m * p.n * p.k), 0);
}

struct Layer {
  std::int64_t m;
  std::int64_t n;
  std::int64_t k;
  Activation activation = kNone;
  bool residual = false;
  DType output = kF32;
};

LinearProblem problem(const Layer& layer, DType weights, DType input) {
  return {.m = layer.m,
          .n = layer.n,
          .k = layer.k,
          .bias = true,
          .residual = layer.residual,
          .activation = layer.activation,
          .weights = weights,
          .input = input,
          .output = layer.output};
}

void add(const std::string& family, const Layer& layer, DType weights, DType input) {
  const LinearProblem p = problem(layer, weights, input);
  for (const Kernel<LinearProblem>& kernel : linear_kernels()) {
    if (kernel.is_reference() && p.m * p.n * p.k > 10'000'000) continue;
    const std::string name = family + "/" + std::to_string(p.m) + "x" + std::to_string(p.n) + "x" +
                             std::to_string(p.k) + "/" + std::string(to_string(p.activation)) +
                             (p.residual ? "+residual/" : "/") + std::string(to_string(p.output)) +
                             "/" + kernel.label();
    benchmark::RegisterBenchmark(name.c_str(), bench_linear, kernel, p);
  }
}

const int kRegistered = [] {
  for (const Layer& layer : std::vector<Layer>{
           {4096, 2304, 768},
           {4096, 768, 768, kNone, true},
           {4096, 3072, 768},
           {4096, 3072, 768, kGelu},
           {4096, 768, 3072, kNone, true},
           {4096, 5120, 1280, kGelu},
           {4096, 1280, 5120, kNone, true},
           {4096, 128, 256},
           {4096, 256, 256, kNone, true},
           {49, 768, 768},
           {16, 256, 256},
           {7, 128, 256},
           {7, 256, 256, kNone, true},
           {7, 2048, 256, kRelu},
           {7, 256, 2048, kNone, true},
           {1, 256, 256, kRelu},
           {1, 32, 256},
           {1, 4, 256},
       }) {
    add("linear", layer, kF32, kF32);
  }
  for (const Layer& layer : std::vector<Layer>{
           {4096, 2304, 768, kNone, false, kBF16},
           {4096, 768, 768, kNone, true},
           {4096, 768, 768},
           {4096, 3072, 768, kNone, false, kBF16},
           {4096, 3072, 768, kGelu, false, kBF16},
           {4096, 768, 3072, kNone, true},
           {4096, 768, 3072},
           {4096, 3840, 1280, kNone, false, kBF16},
           {4096, 1280, 1280, kNone, true},
           {4096, 5120, 1280, kGelu, false, kBF16},
           {4096, 1280, 5120, kNone, true},
           {4096, 1024, 4096, kNone, true},
           {64, 768, 768},
           {7, 256, 256, kNone, true},
           {1, 256, 256},
       }) {
    add("linear_bf16", layer, kBF16, kBF16);
  }
  // Of the decoder, whose tokens are sums in float32.
  for (const Layer& layer : std::vector<Layer>{{4096, 128, 256}, {4096, 256, 256, kNone, true}}) {
    add("linear_bf16_of_f32", layer, kBF16, kF32);
  }
  std::vector<Layer> int8;
  for (const std::int64_t c : {768, 1024, 1280}) {  // ViT-B, ViT-L, ViT-H
    int8.push_back({4096, 3 * c, c, kNone, false, kBF16});
    int8.push_back({4096, 3 * c, c});
    int8.push_back({4096, c, c, kNone, true});
    int8.push_back({4096, c, c});
    int8.push_back({4096, 4 * c, c, kGelu, false, kU8});
    int8.push_back({4096, 4 * c, c, kNone, false, kU8});
    int8.push_back({4096, 4 * c, c});
    int8.push_back({4096, c, 4 * c, kNone, true});
    int8.push_back({4096, c, 4 * c});
  }
  for (const std::int64_t m : {1, 7, 49, 196}) {
    int8.push_back({m, 768, 768});
    int8.push_back({m, 2048, 256, kGelu, false, kU8});
  }
  for (const Layer& layer : int8) add("linear_int8", layer, kI8, kU8);
  return 0;
}();

}  // namespace

}  // namespace lasso::kernels
