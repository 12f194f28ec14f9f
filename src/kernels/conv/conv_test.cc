#include "kernels/conv/conv.h"

#include "kernels/conv/conv_test.h"

namespace lasso::kernels {
namespace {

using graph::Activation;
using test::Case;
using test::Sum;

// A pixel's channel, 0 outside the image.
double at(const Conv2dProblem& p, const std::vector<float>& x, std::int64_t b, std::int64_t row,
          std::int64_t column, std::int64_t c) {
  if (row < 0 || row >= p.height || column < 0 || column >= p.width) return 0.0;
  return x[static_cast<std::size_t>(((b * p.height + row) * p.width + column) * p.channels + c)];
}

template <typename Problem>
void expect(Case<Problem>& c, const Sum& sum, std::int64_t k) {
  const double y = test::activate(c.problem.activation, sum.value);
  c.expected.push_back(y);
  c.tolerance.push_back(
      test::activation_tolerance(c.problem.activation, test::sum_tolerance(k, sum.magnitudes), y));
}

// The image, or the several that are joined to it, as the inputs of a call.
std::vector<std::vector<float>> images_of(const Conv2dProblem& p, const std::vector<float>& x) {
  if (p.joined.empty()) return {x};
  std::vector<std::vector<float>> images(p.joined.size());
  for (std::size_t at = 0; at < x.size();) {
    for (std::size_t i = 0; i < images.size(); ++i) {
      for (std::int64_t c = 0; c < p.joined[i]; ++c) images[i].push_back(x[at++]);
    }
  }
  images.insert(images.begin() + 1, graph::Conv2d::kFirstJoined - 1, {});
  return images;
}

void check_conv(const Conv2dProblem& p, test::Ran& ran, DType dtype = DType::kF32) {
  test::Random random(static_cast<std::uint64_t>(p.height * 7919 + p.channels * 31 + p.filters));
  const auto x = random.vector(p.batch * p.height * p.width * p.channels);
  auto w = random.vector(p.filters * p.group_channels() * p.kernel_h * p.kernel_w);
  const auto bias = random.vector(p.filters);
  std::vector<std::uint16_t> bits;
  for (float& value : w) {
    if (dtype != DType::kF16) break;
    bits.push_back(f32_to_f16(value));
    value = f16_to_f32(bits.back());
  }
  Case<Conv2dProblem> c;
  c.name = to_string(Dims{p.batch, p.height, p.width, p.channels}) + " by " +
           to_string(Dims{p.filters, p.kernel_h, p.kernel_w});
  c.problem = p;
  c.output = p.output;
  c.scheme = p.output_scheme;
  c.inputs = images_of(p, x);
  c.constants = {{dtype,
                  {p.filters, p.group_channels(), p.kernel_h, p.kernel_w},
                  bits.empty() ? static_cast<const void*>(w.data()) : bits.data()},
                 p.bias ? TensorView{DType::kF32, {p.filters}, bias.data()} : TensorView{}};
  for (std::int64_t b = 0; b < p.batch; ++b) {
    for (std::int64_t i = 0; i < p.out_h(); ++i) {
      for (std::int64_t j = 0; j < p.out_w(); ++j) {
        for (std::int64_t n = 0; n < p.filters; ++n) {
          Sum sum;
          if (p.bias) sum.add(bias[static_cast<std::size_t>(n)]);
          const std::int64_t channels = p.group_channels();
          const std::int64_t first = n / p.group_filters() * channels;
          const float* filter = w.data() + n * channels * p.kernel_h * p.kernel_w;
          for (std::int64_t ch = 0; ch < channels; ++ch) {
            for (std::int64_t u = 0; u < p.kernel_h; ++u) {
              for (std::int64_t v = 0; v < p.kernel_w; ++v) {
                const std::int64_t row = i * p.stride.h - p.padding.top + u * p.dilation.h;
                const std::int64_t column = j * p.stride.w - p.padding.left + v * p.dilation.w;
                sum.add(at(p, x, b, row, column, first + ch) *
                        filter[(ch * p.kernel_h + u) * p.kernel_w + v]);
              }
            }
          }
          expect(c, sum, channels * p.kernel_h * p.kernel_w);
        }
      }
    }
  }
  test::check_every_conv2d(c, ran);
}

TEST(Conv2d, RoundedResults) {
  test::Ran ran;
  for (const DType output : {DType::kBF16, DType::kU8}) {
    for (const std::int64_t filters : {5, 32, 70}) {
      Conv2dProblem p{.batch = 2, .height = 9, .width = 17, .channels = 3, .filters = filters};
      p.kernel_h = p.kernel_w = 3;
      p.padding = 1;
      p.bias = true;
      p.output = output;
      if (output == DType::kU8) p.output_scheme = {0.02F, 14};  // from -0.28 to 4.82
      p.activation = filters == 5 ? Activation::kNone : Activation::kSilu;
      check_conv(p, ran);
      p.stride = 2;
      check_conv(p, ran);
    }
  }
  EXPECT_EQ(ran.at("product.avx2"), 24);
  EXPECT_GT(ran.at("winograd.avx2"), 0);
}

TEST(Conv2d, SeveralImagesAreReadAsOne) {
  test::Ran ran;
  for (const std::vector<std::int64_t>& joined :
       std::vector<std::vector<std::int64_t>>{{16, 16}, {8, 24, 4}, {3, 5}, {1, 1, 1, 1}}) {
    Conv2dProblem p{.batch = 2, .height = 5, .width = 7, .channels = 0, .filters = 21};
    for (const std::int64_t channels : joined) p.channels += channels;
    p.bias = true;
    p.activation = Activation::kSilu;
    p.joined = joined;
    check_conv(p, ran);
    p.stride = {2, 3};
    check_conv(p, ran);
  }
  EXPECT_EQ(ran.at("product.avx2"), 16);
}

TEST(Conv2d, EveryKernelAgreesWithDoublePrecision) {
  test::Ran ran;
  Conv2dProblem p;
  p.bias = true;
  // The patch embedding and the mask downscaling: kernel = stride.
  p = {.batch = 2,
       .height = 32,
       .width = 48,
       .channels = 3,
       .filters = 70,
       .kernel_h = 16,
       .kernel_w = 16,
       .stride = 16,
       .bias = true};
  check_conv(p, ran);
  p = {.batch = 1,
       .height = 10,
       .width = 6,
       .channels = 1,
       .filters = 4,
       .kernel_h = 2,
       .kernel_w = 2,
       .stride = 2,
       .bias = true};
  check_conv(p, ran);
  p = {.batch = 2,
       .height = 8,
       .width = 8,
       .channels = 4,
       .filters = 16,
       .kernel_h = 2,
       .kernel_w = 2,
       .stride = 2,
       .activation = Activation::kGelu};
  check_conv(p, ran);
  // 1x1 and 3x3, as in the neck.
  p = {.batch = 1,
       .height = 7,
       .width = 9,
       .channels = 33,
       .filters = 65,
       .bias = true,
       .activation = Activation::kRelu};
  check_conv(p, ran);
  p = {.batch = 2,
       .height = 7,
       .width = 5,
       .channels = 20,
       .filters = 31,
       .kernel_h = 3,
       .kernel_w = 3,
       .padding = 1};
  check_conv(p, ran);
  p = {.batch = 1,
       .height = 6,
       .width = 6,
       .channels = 100,
       .filters = 64,
       .kernel_h = 3,
       .kernel_w = 3,
       .padding = 1,
       .bias = true,
       .activation = Activation::kSigmoid};
  check_conv(p, ran);
  p.activation = Activation::kSilu;
  check_conv(p, ran);
  p.activation = Activation::kLeakyRelu;
  check_conv(p, ran);
  // Others: strides, windows that are not square, padding wider than the window's half.
  p = {.batch = 1,
       .height = 9,
       .width = 12,
       .channels = 17,
       .filters = 16,
       .kernel_h = 3,
       .kernel_w = 2,
       .stride = 2,
       .padding = 2,
       .bias = true};
  check_conv(p, ran);
  p = {.batch = 1,
       .height = 9,
       .width = 12,
       .channels = 3,
       .filters = 5,
       .kernel_h = 5,
       .kernel_w = 7,
       .stride = 1,
       .bias = true};
  check_conv(p, ran);
  // Each channel apart, as in MobileSAM.
  p = {.batch = 2,
       .height = 8,
       .width = 13,
       .channels = 96,
       .filters = 96,
       .kernel_h = 3,
       .kernel_w = 3,
       .padding = 1,
       .groups = 96,
       .bias = true,
       .activation = Activation::kGelu};
  check_conv(p, ran);
  test::expect_all_ran(conv2d_kernels(), {}, ran);
}

// Windows of 3x3: all of Winograd's tiles and the parts of tiles at the ends, several blocks of
// tiles and panels of filters, and numbers of threads that divide the one or the other.
TEST(Conv2d, Winograd) {
  test::Ran ran;
  struct Sizes {
    std::int64_t batch, height, width, channels, filters;
  };
  for (const Sizes& s : {Sizes{1, 1, 1, 1, 1},
                         {1, 4, 4, 3, 5},
                         {2, 5, 7, 17, 64},
                         {1, 9, 6, 64, 70},
                         {3, 13, 21, 33, 32},
                         {1, 40, 44, 16, 130},
                         {1, 8, 12, 1100, 16}}) {
    for (const graph::Pads2d& padding :
         {graph::Pads2d{1}, graph::Pads2d{0}, graph::Pads2d{2, 0, 1, 3}}) {
      Conv2dProblem p{.batch = s.batch,
                      .height = s.height,
                      .width = s.width,
                      .channels = s.channels,
                      .filters = s.filters,
                      .kernel_h = 3,
                      .kernel_w = 3,
                      .padding = padding,
                      .bias = s.filters != 32};
      if (p.out_h() < 1 || p.out_w() < 1) continue;
      p.activation = static_cast<Activation>((s.height + padding.top) % 6);
      check_conv(p, ran);
      if (::testing::Test::HasFailure()) return;
    }
  }
  check_conv({.batch = 0,
              .height = 9,
              .width = 9,
              .channels = 8,
              .filters = 8,
              .kernel_h = 3,
              .kernel_w = 3},
             ran);
  // Nothing to sum over.
  check_conv({.height = 9,
              .width = 9,
              .channels = 0,
              .filters = 5,
              .kernel_h = 3,
              .kernel_w = 3,
              .padding = 1,
              .bias = true,
              .activation = Activation::kSigmoid},
             ran);
  test::expect_all_ran(conv2d_kernels(), {.height = 9, .width = 9, .kernel_h = 3, .kernel_w = 3},
                       ran);
}

// A filter for each channel: windows of all sizes, and vectors of channels and parts of them.
TEST(Conv2d, Depthwise) {
  test::Ran ran;
  for (const std::int64_t kernel : {1, 2, 3, 5, 7}) {
    for (const std::int64_t channels : {1, 7, 16, 72, 150}) {
      for (const std::int64_t stride : {1, 2, 3}) {
        Conv2dProblem p{.batch = 2,
                        .height = 8,
                        .width = 19,
                        .channels = channels,
                        .filters = channels,
                        .kernel_h = kernel,
                        .kernel_w = kernel,
                        .stride = {stride, 1 + stride % 2},
                        .padding = kernel / 2,
                        .groups = channels,
                        .bias = channels != 16,
                        .activation = static_cast<Activation>((kernel + stride) % 4)};
        check_conv(p, ran);
        p.padding = {0, 2, 1, 0};
        check_conv(p, ran);
        p.padding = {kernel, kernel + 1, kernel + 2, kernel};  // some windows see nothing
        p.dilation = {1, 2};
        check_conv(p, ran);
        if (::testing::Test::HasFailure()) return;
      }
    }
  }
  // An image narrower than the window, and many channels.
  check_conv({.height = 2,
              .width = 3,
              .channels = 400,
              .filters = 400,
              .kernel_h = 7,
              .kernel_w = 7,
              .padding = 3,
              .groups = 400},
             ran);
  check_conv({.batch = 0, .height = 9, .width = 9, .channels = 8, .filters = 8, .groups = 8}, ran);
}

// Several filters for each channel, and groups of many.
TEST(Conv2d, GroupsOfAllSizes) {
  test::Ran ran;
  for (const std::int64_t groups : {2, 3, 12}) {
    for (const std::int64_t group_channels : {1, 4, 19}) {
      for (const std::int64_t group_filters : {1, 2, 16, 70}) {
        Conv2dProblem p{.batch = 2,
                        .height = 6,
                        .width = 7,
                        .channels = groups * group_channels,
                        .filters = groups * group_filters,
                        .kernel_h = 3,
                        .kernel_w = 2,
                        .stride = {1, 2},
                        .groups = groups,
                        .bias = true,
                        .activation = Activation::kRelu};
        check_conv(p, ran);
        p.padding = {1, 0, 0, 1};
        p.dilation = {1, 2};
        check_conv(p, ran);
        if (::testing::Test::HasFailure()) return;
      }
    }
  }
}

// Strides, paddings and dilations that differ by side and axis, and groups.
TEST(Conv2d, WindowsOfAllKinds) {
  test::Ran ran;
  Conv2dProblem p{.batch = 2,
                  .height = 11,
                  .width = 14,
                  .channels = 6,
                  .filters = 9,
                  .kernel_h = 3,
                  .kernel_w = 2,
                  .stride = {2, 3},
                  .padding = {1, 0, 2, 1},
                  .bias = true};
  check_conv(p, ran);
  p.padding = {0, 0, 0, 3};
  check_conv(p, ran);
  p.dilation = {3, 2};
  check_conv(p, ran);
  p.padding = {4, 3, 0, 1};
  p.activation = Activation::kRelu;
  check_conv(p, ran);
  p.groups = 3;
  check_conv(p, ran);
  p.dilation = 1;
  check_conv(p, ran);
  // Groups of more filters than a block has, and one for each channel.
  p = {.height = 4, .width = 5, .channels = 4, .filters = 140, .kernel_h = 2, .groups = 2};
  check_conv(p, ran);
  p = {.height = 7,
       .width = 6,
       .channels = 37,
       .filters = 37,
       .kernel_h = 3,
       .kernel_w = 3,
       .padding = 1,
       .groups = 37,
       .bias = true};
  check_conv(p, ran);
}

TEST(Conv2d, HalfPrecisionWeights) {
  test::Ran ran;
  check_conv({.batch = 1,
              .height = 4,
              .width = 5,
              .channels = 6,
              .filters = 7,
              .kernel_h = 3,
              .kernel_w = 3,
              .padding = 1,
              .bias = true},
             ran, DType::kF16);
}

void check_transpose(const ConvTranspose2dProblem& p, test::Ran& ran) {
  test::Random random(static_cast<std::uint64_t>(p.height * 7919 + p.channels * 31 + p.filters));
  const auto x = random.vector(p.batch * p.height * p.width * p.channels);
  const auto w = random.vector(p.filters * p.channels * p.stride * p.stride);
  const auto bias = random.vector(p.filters);
  Case<ConvTranspose2dProblem> c;
  c.name = to_string(Dims{p.batch, p.height, p.width, p.channels}) + " to " +
           std::to_string(p.filters) + " by " + std::to_string(p.stride);
  c.problem = p;
  c.inputs = {x};
  c.constants = {{DType::kF32, {p.channels, p.filters, p.stride, p.stride}, w.data()},
                 p.bias ? TensorView{DType::kF32, {p.filters}, bias.data()} : TensorView{}};
  for (std::int64_t row = 0; row < p.batch * p.height * p.stride; ++row) {
    for (std::int64_t column = 0; column < p.width * p.stride; ++column) {
      for (std::int64_t n = 0; n < p.filters; ++n) {
        Sum sum;
        if (p.bias) sum.add(bias[static_cast<std::size_t>(n)]);
        const std::int64_t pixel = row / p.stride * p.width + column / p.stride;
        const std::int64_t tap = row % p.stride * p.stride + column % p.stride;
        for (std::int64_t ch = 0; ch < p.channels; ++ch) {
          sum.add(static_cast<double>(x[static_cast<std::size_t>(pixel * p.channels + ch)]) *
                  w[static_cast<std::size_t>((ch * p.filters + n) * p.stride * p.stride + tap)]);
        }
        expect(c, sum, p.channels);
      }
    }
  }
  test::check_case(conv_transpose2d_kernels(), c, ran);
}

TEST(ConvTranspose2d, EveryKernelAgreesWithDoublePrecision) {
  test::Ran ran;
  for (const std::int64_t filters : {1, 16, 31, 32, 100}) {
    for (const std::int64_t channels : {1, 17, 64}) {
      for (const std::int64_t stride : {1, 2, 3}) {
        check_transpose({.batch = 2,
                         .height = 5,
                         .width = 3,
                         .channels = channels,
                         .filters = filters,
                         .stride = stride,
                         .bias = channels != 17,
                         .activation = static_cast<Activation>((filters + channels) % 5)},
                        ran);
        if (::testing::Test::HasFatalFailure()) return;
      }
    }
  }
  test::expect_all_ran(conv_transpose2d_kernels(), {}, ran);
}

}  // namespace
}  // namespace lasso::kernels
