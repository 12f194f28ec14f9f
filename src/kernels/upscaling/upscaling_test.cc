#include "kernels/upscaling/upscaling.h"

#include <array>
#include <cmath>
#include <vector>

#include "kernels/cpu/emulated_products.h"
#include "kernels/kernel_test.h"
#include "kernels/upscaling/upscaling_blocks.h"

namespace lasso::kernels {
namespace {

using graph::Activation;
using test::Case;
using test::sum_tolerance;

// The rows, and those on tiles in emulation, which any CPU runs.
const std::vector<Kernel<MaskUpscalingProblem>>& rows() {
  static const std::vector<Kernel<MaskUpscalingProblem>> rows = [] {
    std::vector<Kernel<MaskUpscalingProblem>> list = mask_upscaling_kernels();
    list.push_back(
        upscaling::upscaling_blocks<upscaling::TileLayers<kEmulatedBf16>, CpuFeature::kAvx2>(
            "emulated_tiles"));
    return list;
  }();
  return rows;
}

// A number in double precision, and how far it may be off.
struct Number {
  double value = 0;
  double error = 0;
};

// activation(x w + b) for a tap of W [channels, filters, area].
std::vector<Number> tap_of(const std::vector<Number>& x, const std::vector<float>& w,
                           const std::vector<float>& b, std::int64_t filters, std::int64_t area,
                           std::int64_t tap, Activation activation) {
  std::vector<Number> y;
  const auto channels = static_cast<std::int64_t>(x.size());
  for (std::int64_t n = 0; n < filters; ++n) {
    double sum = b.empty() ? 0 : b[static_cast<std::size_t>(n)];
    double magnitude = std::abs(sum);
    double error = 0;
    for (std::int64_t c = 0; c < channels; ++c) {
      const Number& number = x[static_cast<std::size_t>(c)];
      const double weight = w[static_cast<std::size_t>((c * filters + n) * area + tap)];
      sum += number.value * weight;
      magnitude += std::abs(number.value * weight);
      error += number.error * std::abs(weight);
    }
    const double exact = test::activate(activation, sum);
    y.push_back({exact, test::activation_tolerance(
                            activation, error + sum_tolerance(channels + 1, magnitude), exact)});
  }
  return y;
}

// Errors of the numbers are scaled like the numbers, and move mean and deviation by no more.
void normalise(const MaskUpscalingProblem& p, const std::vector<float>& gamma,
               const std::vector<float>& beta, std::vector<Number>& x) {
  const auto count = static_cast<double>(x.size());
  double mean = 0;
  double largest = 0;
  double error = 0;
  for (const Number& number : x) {
    mean += number.value / count;
    largest = std::max(largest, std::abs(number.value));
    error = std::max(error, number.error);
  }
  double variance = 0;
  for (const Number& number : x) variance += (number.value - mean) * (number.value - mean) / count;
  const double scale = 1 / std::sqrt(variance + static_cast<double>(p.epsilon));
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double normal = (x[i].value - mean) * scale;
    const double y = normal * gamma[i] + beta[i];
    const double off = (error + sum_tolerance(p.middle, largest)) * scale * (2 + std::abs(normal));
    const double exact = test::activate(p.first, y);
    x[i] = {exact, test::activation_tolerance(
                       p.first,
                       (off + sum_tolerance(p.middle, std::abs(normal))) * std::abs(gamma[i]) +
                           2 * test::kEpsilon * (std::abs(y) + std::abs(beta[i])),
                       exact)};
    if (is_half(p.weights)) {
      x[i].error += test::half_rounding(p.weights) * (std::abs(exact) + x[i].error);
    }
  }
}

void check(const MaskUpscalingProblem& p, bool biases, test::Ran& ran) {
  test::Random random(static_cast<std::uint64_t>(p.width * 131 + p.channels * 7 + p.masks));
  const std::int64_t area = p.area();
  const auto a = random.vector(p.batch * p.masks * p.filters);
  const auto rounded = [&](std::vector<float> values) {
    return p.weights == DType::kF32 ? values : test::rounded_to_half(p.weights, std::move(values));
  };
  const auto x = rounded(random.vector(p.batch * p.height * p.width * p.channels));
  const auto w1 = rounded(random.vector(p.channels * p.middle * area));
  const auto b1 = random.vector(biases ? p.middle : 0);
  const auto gamma = random.vector(p.middle);
  const auto beta = random.vector(p.middle);
  const auto w2 = rounded(random.vector(p.middle * p.filters * area));
  const auto b2 = random.vector(biases ? p.filters : 0);
  const Tensor weights1 = make_tensor({p.channels, p.middle, p.stride, p.stride}, w1);
  const Tensor weights2 = make_tensor({p.middle, p.filters, p.stride, p.stride}, w2);
  const Tensor bias1 = make_tensor({static_cast<std::int64_t>(b1.size())}, b1);
  const Tensor bias2 = make_tensor({static_cast<std::int64_t>(b2.size())}, b2);
  Case<MaskUpscalingProblem> c;
  c.name = std::to_string(p.height) + " x " + std::to_string(p.width) + " of " +
           std::to_string(p.channels) + ", stride " + std::to_string(p.stride) + ", masks " +
           std::to_string(p.masks);
  c.problem = p;
  c.constants = {weights1.view(), biases ? bias1.view() : TensorView{}, weights2.view(),
                 biases ? bias2.view() : TensorView{}};
  c.inputs = {a, x, {}, {}, gamma, beta, {}, {}};
  c.any_threads = true;
  const std::int64_t width = p.width * area;
  const std::int64_t size = p.height * area * width;
  c.expected.resize(static_cast<std::size_t>(p.batch * p.masks * size));
  c.tolerance.resize(c.expected.size());
  for (std::int64_t pixel = 0; pixel < p.batch * p.height * p.width; ++pixel) {
    const std::int64_t image = pixel / (p.height * p.width);
    std::vector<Number> numbers;
    for (std::int64_t i = 0; i < p.channels; ++i) {
      numbers.push_back({x[static_cast<std::size_t>(pixel * p.channels + i)], 0});
    }
    for (std::int64_t first = 0; first < area; ++first) {
      auto middle = tap_of(numbers, w1, b1, p.middle, area, first, Activation::kNone);
      normalise(p, gamma, beta, middle);
      for (std::int64_t second = 0; second < area; ++second) {
        const auto u = tap_of(middle, w2, b2, p.filters, area, second, p.second);
        const std::int64_t row =
            (pixel / p.width % p.height * p.stride + first / p.stride) * p.stride +
            second / p.stride;
        const std::int64_t column =
            (pixel % p.width * p.stride + first % p.stride) * p.stride + second % p.stride;
        for (std::int64_t m = 0; m < p.masks; ++m) {
          double sum = 0;
          double magnitude = 0;
          double error = 0;
          for (std::int64_t n = 0; n < p.filters; ++n) {
            const double weight =
                a[static_cast<std::size_t>((image * p.masks + m) * p.filters + n)];
            const Number& number = u[static_cast<std::size_t>(n)];
            sum += weight * number.value;
            magnitude += std::abs(weight * number.value);
            error += std::abs(weight) * number.error;
          }
          const auto at =
              static_cast<std::size_t>((image * p.masks + m) * size + row * width + column);
          c.expected[at] = sum;
          c.tolerance[at] = error + sum_tolerance(p.filters, magnitude);
        }
      }
    }
  }
  test::check_case(rows(), c, ran);
}

// Such as a changed engine file may have.
TEST(MaskUpscaling, RefusesSizesThatAreNone) {
  MaskUpscalingProblem p{.height = 64, .width = 64, .channels = 256, .middle = 64, .filters = 32};
  EXPECT_EQ(check_problem(p), "");
  p.stride = std::int64_t{1} << 24;
  EXPECT_NE(check_problem(p), "");
  p.stride = 1;
  p.channels = p.middle = std::int64_t{1} << 31;
  EXPECT_NE(check_problem(p), "");
  p.channels = p.middle = 64;
  p.stride = 0;
  EXPECT_NE(check_problem(p), "");
}

// Widths with a block's tail, filters that panels of 64 hold no whole number of, many masks.
TEST(MaskUpscaling, EveryKernelAgreesWithDoublePrecision) {
  test::Ran ran;
  bool biases = false;
  std::size_t count = 0;
  constexpr DType types[] = {DType::kF32, DType::kBF16, DType::kF32, DType::kBF16, DType::kF16};
  for (const std::int64_t stride : {1, 2, 3}) {
    for (const auto& [channels, middle, filters] :
         std::vector<std::array<std::int64_t, 3>>{{16, 8, 4}, {33, 20, 7}, {256, 64, 32}}) {
      for (const std::int64_t masks : {1, 4, 70}) {
        biases = !biases;
        const DType weights = types[++count % 5];
        check({.batch = 2,
               .height = 2,
               .width = masks == 4 ? 27 : 5,
               .channels = channels,
               .middle = middle,
               .filters = filters,
               .masks = masks,
               .stride = stride,
               .first = biases ? Activation::kGelu : Activation::kNone,
               .second = biases ? Activation::kGelu : Activation::kRelu,
               .weights = weights},
              biases, ran);
        if (HasFatalFailure()) return;
      }
    }
  }
  // Whole blocks and several of them, of one line.
  for (const std::int64_t width : {64, 70}) {
    for (const DType weights : {DType::kF32, DType::kBF16}) {
      check({.batch = 1,
             .height = 1,
             .width = width,
             .channels = 33,
             .middle = 20,
             .filters = 7,
             .masks = 3,
             .first = Activation::kGelu,
             .second = Activation::kGelu,
             .weights = weights},
            true, ran);
    }
  }
  EXPECT_TRUE(ran.contains("reference.reference"));
  EXPECT_TRUE(ran.contains("blocks.avx2"));
  EXPECT_TRUE(ran.contains("widened.avx2"));
  EXPECT_TRUE(ran.contains("emulated_tiles.avx2"));
  if (test::test_features().has(CpuFeature::kAvx512)) {
    EXPECT_TRUE(ran.contains("blocks.avx512"));
  }
}

}  // namespace
}  // namespace lasso::kernels
