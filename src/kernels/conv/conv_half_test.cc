#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "kernels/conv/conv_test.h"

namespace lasso::kernels {
namespace {

using graph::Activation;
using test::Case;
using test::Sum;

// Values as they are and as the numbers of a type of 16 bits that they are rounded to.
struct Rounded {
  Rounded(DType half, std::vector<float> from)
      : exact(std::move(from)),
        bits(test::to_half(half, exact)),
        values(test::rounded_to_half(half, exact)) {}
  double operator[](std::int64_t i) const { return values[static_cast<std::size_t>(i)]; }

  std::vector<float> exact;
  std::vector<std::uint16_t> bits;
  std::vector<float> values;
};

// x as float32 or as rounded.
template <typename Problem>
void set_input(Case<Problem>& c, const Rounded& x) {
  if (c.problem.input == DType::kF32) {
    c.inputs = {x.exact};
    return;
  }
  c.inputs = {{}};
  c.byte_inputs[0] = test::bytes_of(x.bits);
}

// x divided into the images that are joined to it.
void set_joined(Case<Conv2dProblem>& c, const Rounded& x) {
  const Conv2dProblem& p = c.problem;
  c.inputs.resize(graph::Conv2d::kFirstJoined + p.joined.size() - 1);
  c.byte_inputs.clear();
  std::int64_t first = 0;
  for (std::size_t i = 0; i < p.joined.size(); first += p.joined[i], ++i) {
    std::vector<float> exact;
    std::vector<std::uint16_t> bits;
    for (std::int64_t at = first; at < p.batch * p.height * p.width * p.channels;
         at += p.channels) {
      exact.insert(exact.end(), x.exact.begin() + at, x.exact.begin() + at + p.joined[i]);
      bits.insert(bits.end(), x.bits.begin() + at, x.bits.begin() + at + p.joined[i]);
    }
    const std::size_t index = i == 0 ? 0 : graph::Conv2d::kFirstJoined + i - 1;
    if (p.input == DType::kF32) {
      c.inputs[index] = exact;
    } else {
      c.byte_inputs[index] = test::bytes_of(bits);
    }
  }
}

// The sums are as exact as float32's. The activation of a result that is rounded may be off by an
// eighth of that rounding before.
template <typename Problem>
void expect(Case<Problem>& c, const Sum& sum, std::int64_t k) {
  const double y = test::activate(c.problem.activation, sum.value);
  c.expected.push_back(y);
  c.tolerance.push_back(
      test::activation_tolerance(c.problem.activation, test::sum_tolerance(k, sum.magnitudes), y) +
      test::half_rounding(c.output) / 8 * std::abs(y));
}

void check_conv(Conv2dProblem p, test::Ran& ran) {
  test::Random random(static_cast<std::uint64_t>(p.height * 7919 + p.channels * 31 + p.filters));
  const Rounded x(p.weights, random.vector(p.batch * p.height * p.width * p.channels));
  const Rounded w(p.weights,
                  random.vector(p.filters * p.group_channels() * p.kernel_h * p.kernel_w));
  const auto bias = random.vector(p.filters);
  for (const auto& [input, output] : {std::pair{DType::kF32, DType::kF32},
                                      {DType::kF32, p.weights},
                                      {p.weights, p.weights},
                                      {p.weights, DType::kF32}}) {
    Case<Conv2dProblem> c;
    p.input = input;
    c.output = p.output = output;
    c.name = to_string(Dims{p.batch, p.height, p.width, p.channels}) + " by " +
             to_string(Dims{p.filters, p.kernel_h, p.kernel_w}) + ", " +
             std::string(to_string(input)) + " to " + std::string(to_string(p.output));
    c.problem = p;
    set_input(c, x);
    if (!p.joined.empty()) set_joined(c, x);
    const std::int64_t channels = p.group_channels();
    c.constants = {{DType::kF32, {p.filters, channels, p.kernel_h, p.kernel_w}, w.exact.data()},
                   p.bias ? TensorView{DType::kF32, {p.filters}, bias.data()} : TensorView{}};
    for (std::int64_t i = 0; i < p.batch * p.out_h() * p.out_w() * p.filters; ++i) {
      const std::int64_t n = i % p.filters;
      const std::int64_t pixel = i / p.filters;
      const std::int64_t b = pixel / (p.out_h() * p.out_w());
      Sum sum;
      if (p.bias) sum.add(bias[static_cast<std::size_t>(n)]);
      for (std::int64_t u = 0; u < p.kernel_h; ++u) {
        for (std::int64_t v = 0; v < p.kernel_w; ++v) {
          const std::int64_t row =
              pixel / p.out_w() % p.out_h() * p.stride.h - p.padding.top + u * p.dilation.h;
          const std::int64_t column =
              pixel % p.out_w() * p.stride.w - p.padding.left + v * p.dilation.w;
          if (row < 0 || row >= p.height || column < 0 || column >= p.width) continue;
          const std::int64_t first = n / p.group_filters() * channels;
          for (std::int64_t ch = 0; ch < channels; ++ch) {
            sum.add(x[((b * p.height + row) * p.width + column) * p.channels + first + ch] *
                    w[((n * channels + ch) * p.kernel_h + u) * p.kernel_w + v]);
          }
        }
      }
      expect(c, sum, channels * p.kernel_h * p.kernel_w);
    }
    test::check_every_conv2d(c, ran);
  }
}

// [batch, height, width, channels, filters, kernel_h, kernel_w, stride, padding]
Conv2dProblem conv(const std::array<std::int64_t, 9>& sizes, bool bias, Activation activation,
                   DType weights = DType::kBF16) {
  Conv2dProblem p;
  p.batch = sizes[0];
  p.height = sizes[1];
  p.width = sizes[2];
  p.channels = sizes[3];
  p.filters = sizes[4];
  p.kernel_h = sizes[5];
  p.kernel_w = sizes[6];
  p.stride = sizes[7];
  p.padding = sizes[8];
  p.bias = bias;
  p.activation = activation;
  p.weights = weights;
  return p;
}

TEST(Conv2dHalf, WindowsOfAllKinds) {
  test::Ran ran;
  for (const DType weights : {DType::kBF16, DType::kF16}) {
    Conv2dProblem p = conv({2, 11, 14, 6, 9, 3, 2, 1, 0}, true, Activation::kNone, weights);
    p.stride = {2, 3};
    p.padding = {1, 0, 2, 1};
    check_conv(p, ran);
    p.dilation = {3, 2};
    check_conv(p, ran);
    p.padding = {4, 3, 0, 1};
    p.groups = 3;
    check_conv(p, ran);
  }
}

TEST(Conv2dHalf, EveryKernelInFloat16) {
  test::Ran ran;
  for (const auto& [sizes, activation] :
       std::vector<std::pair<std::array<std::int64_t, 9>, Activation>>{
           {{2, 32, 48, 3, 70, 16, 16, 16, 0}, Activation::kNone},
           {{1, 7, 9, 33, 65, 1, 1, 1, 0}, Activation::kRelu},
           {{2, 8, 8, 64, 32, 1, 1, 1, 0}, Activation::kNone},
           {{2, 7, 5, 20, 31, 3, 3, 1, 1}, Activation::kGelu},
           {{1, 6, 6, 64, 64, 3, 3, 1, 1}, Activation::kSigmoid},
           {{1, 6, 7, 64, 64, 3, 3, 1, 1}, Activation::kSilu},
           {{1, 3, 2, 5, 7, 3, 3, 1, 4}, Activation::kNone}}) {
    check_conv(conv(sizes, activation != Activation::kGelu, activation, DType::kF16), ran);
  }
  test::expect_all_ran(conv2d_test_rows(), {.weights = DType::kF16}, ran);
}

TEST(Conv2dHalf, EveryKernelAgreesWithDoublePrecision) {
  test::Ran ran;
  // The patch embedding: kernel = stride; a patch of an odd number of values.
  check_conv(conv({2, 32, 48, 3, 70, 16, 16, 16, 0}, true, Activation::kNone), ran);
  check_conv(conv({1, 20, 10, 3, 65, 5, 5, 5, 0}, true, Activation::kNone), ran);
  // 1x1 and 3x3, as in the neck.
  check_conv(conv({1, 7, 9, 33, 65, 1, 1, 1, 0}, true, Activation::kRelu), ran);
  check_conv(conv({2, 7, 5, 20, 31, 3, 3, 1, 1}, false, Activation::kGelu), ran);
  check_conv(conv({1, 6, 6, 100, 64, 3, 3, 1, 1}, true, Activation::kSigmoid), ran);
  check_conv(conv({1, 6, 7, 100, 64, 3, 3, 1, 1}, true, Activation::kSilu), ran);
  // Others: strides, windows that are not square, padding wider than the window, images narrower.
  check_conv(conv({1, 9, 12, 17, 16, 3, 2, 2, 2}, true, Activation::kNone), ran);
  check_conv(conv({1, 9, 12, 3, 5, 5, 7, 1, 0}, true, Activation::kNone), ran);
  check_conv(conv({1, 3, 2, 5, 7, 3, 3, 1, 4}, true, Activation::kNone), ran);
  check_conv(conv({2, 1, 1, 8, 8, 3, 3, 1, 1}, true, Activation::kNone), ran);
  // More rows than a block of the product has, and pixels than a tile: some in the image as they
  // are, and some with padding.
  check_conv(conv({1, 20, 21, 40, 66, 3, 3, 1, 1}, true, Activation::kNone), ran);
  check_conv(conv({1, 30, 29, 40, 66, 1, 1, 1, 0}, true, Activation::kSilu), ran);
  check_conv(conv({1, 15, 17, 8, 34, 2, 2, 2, 0}, true, Activation::kSilu), ran);
  check_conv(conv({1, 33, 34, 3, 32, 3, 3, 2, 1}, true, Activation::kSilu), ran);
  test::expect_all_ran(conv2d_test_rows(), {.weights = DType::kBF16}, ran);
  EXPECT_GT(ran["winograd.avx2"], 0);  // of images in bfloat16
}

// Windows of which a band would be larger than memory are left to others.
TEST(Conv2dHalf, WindowsThatSpanMillionsOfPixels) {
  test::Ran ran;
  constexpr std::int64_t kFar = (1 << 24) - 1;
  Conv2dProblem p = conv({1, 1, 1, 1 << 15, 3, 2, 2, 1, 0}, true, Activation::kNone);
  p.padding = {kFar, kFar, 0, 0};
  p.dilation = kFar;
  check_conv(p, ran);
  EXPECT_GT(ran["reference.reference"], 0);
  EXPECT_EQ(ran.count("windows.avx512_bf16"), 0);
}

TEST(Conv2dHalf, SeveralImagesAreReadAsOne) {
  test::Ran ran;
  for (const std::vector<std::int64_t>& joined :
       std::vector<std::vector<std::int64_t>>{{16, 16}, {8, 24, 4}, {3, 5}, {1, 1, 1}}) {
    std::int64_t channels = 0;
    for (const std::int64_t of_one : joined) channels += of_one;
    Conv2dProblem p = conv({2, 5, 7, channels, 21, 1, 1, 1, 0}, true, Activation::kSilu);
    p.joined = joined;
    check_conv(p, ran);
    p.stride = {2, 3};
    check_conv(p, ran);
  }
  EXPECT_EQ(ran["windows.avx512_bf16"] > 0, test::test_features().has(CpuFeature::kAvx512Bf16));
  EXPECT_GT(ran["widened.avx2"], 0);  // engines run on CPUs without bfloat16, too
}

void check_transpose(ConvTranspose2dProblem p, test::Ran& ran) {
  test::Random random(static_cast<std::uint64_t>(p.height * 7919 + p.channels * 31 + p.filters));
  const Rounded x(p.weights, random.vector(p.batch * p.height * p.width * p.channels));
  const Rounded w(p.weights, random.vector(p.filters * p.channels * p.stride * p.stride));
  const auto bias = random.vector(p.filters);
  for (const DType input : {DType::kF32, p.weights}) {
    Case<ConvTranspose2dProblem> c;
    p.input = input;
    c.name = to_string(Dims{p.batch, p.height, p.width, p.channels}) + " to " +
             std::to_string(p.filters) + " by " + std::to_string(p.stride) + ", " +
             std::string(to_string(input)) + " to " + std::string(to_string(p.output));
    c.problem = p;
    c.output = p.output;
    set_input(c, x);
    c.constants = {{DType::kF32, {p.channels, p.filters, p.stride, p.stride}, w.exact.data()},
                   p.bias ? TensorView{DType::kF32, {p.filters}, bias.data()} : TensorView{}};
    const std::int64_t width = p.width * p.stride;
    for (std::int64_t i = 0; i < p.batch * p.height * p.stride * width * p.filters; ++i) {
      const std::int64_t n = i % p.filters;
      const std::int64_t row = i / p.filters / width;
      const std::int64_t column = i / p.filters % width;
      const std::int64_t pixel = row / p.stride * p.width + column / p.stride;
      const std::int64_t tap = row % p.stride * p.stride + column % p.stride;
      Sum sum;
      if (p.bias) sum.add(bias[static_cast<std::size_t>(n)]);
      for (std::int64_t ch = 0; ch < p.channels; ++ch) {
        sum.add(x[pixel * p.channels + ch] * w[(ch * p.filters + n) * p.stride * p.stride + tap]);
      }
      expect(c, sum, p.channels);
    }
    test::check_case(conv_transpose2d_kernels(), c, ran);
  }
}

TEST(ConvTranspose2dHalf, EveryKernelAgreesWithDoublePrecision) {
  test::Ran ran;
  for (const std::int64_t filters : {1, 16, 31, 32, 100}) {
    for (const std::int64_t channels : {1, 17, 64}) {
      for (const std::int64_t stride : {1, 2, 3}) {
        const DType half = filters == 31 || channels == 17 ? DType::kF16 : DType::kBF16;
        ConvTranspose2dProblem p{.weights = half};
        p.batch = 2;
        p.height = 5;
        p.width = 3;
        p.channels = channels;
        p.filters = filters;
        p.stride = stride;
        p.bias = channels != 17;
        p.activation = static_cast<Activation>((filters + channels) % 5);
        p.output = (filters + stride) % 2 == 0 ? DType::kF32 : half;
        check_transpose(p, ran);
        if (::testing::Test::HasFailure()) return;
      }
    }
  }
  // More rows than a block of the product has.
  for (const DType half : {DType::kBF16, DType::kF16}) {
    ConvTranspose2dProblem p{.weights = half};
    p.height = 30;
    p.width = 31;
    p.channels = 64;
    p.filters = 32;
    p.activation = Activation::kGelu;
    p.output = half;
    check_transpose(p, ran);
    // More columns, and a longer sum, with tails.
    p.height = 9;
    p.width = 17;
    p.channels = 136;
    p.filters = 24;
    p.stride = 3;
    p.activation = Activation::kNone;
    check_transpose(p, ran);
    p.output = DType::kF32;
    check_transpose(p, ran);
    test::expect_all_ran(conv_transpose2d_kernels(), {.weights = half}, ran);
  }
}

}  // namespace
}  // namespace lasso::kernels
