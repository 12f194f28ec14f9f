#include "kernels/conv/conv_int8.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "kernels/conv/conv_test_rows.h"
#include "kernels/cpu/int8_product.h"
#include "kernels/kernel_test.h"

namespace lasso::kernels {
namespace {

using graph::Activation;
using test::kEpsilon;

// A problem's inputs. `extreme`: the largest sums there are.
struct Data {
  explicit Data(const Conv2dProblem& p, bool extreme = false)
      : random(static_cast<std::uint64_t>(p.height * 7919 + p.channels * 31 + p.filters)),
        x(static_cast<std::size_t>(p.batch * p.height * p.width * p.channels)),
        w(random.vector(p.filters * window_inputs(p), 0.5F)),
        bias(random.vector(p.filters)) {
    for (std::uint8_t& value : x) {
      value = extreme ? 255 : static_cast<std::uint8_t>(127.5F + 127.5F * random.next());
    }
    if (extreme) std::fill(w.begin(), w.end(), 1.0F);
  }
  std::vector<TensorView> constants(const Conv2dProblem& p) const {
    return {{DType::kF32, {p.filters, p.channels, p.kernel_h, p.kernel_w}, w.data()},
            p.bias ? TensorView{DType::kF32, {p.filters}, bias.data()} : TensorView{}};
  }

  // x, or the images that are joined to it, by their numbers among the inputs.
  std::map<std::size_t, std::vector<std::uint8_t>> images(const Conv2dProblem& p) const {
    if (p.joined.empty()) return {{0, x}};
    std::map<std::size_t, std::vector<std::uint8_t>> result;
    for (auto at = x.begin(); at != x.end();) {
      for (std::size_t i = 0; i < p.joined.size(); at += p.joined[i], ++i) {
        auto& image = result[i == 0 ? 0 : graph::Conv2d::kFirstJoined + i - 1];
        image.insert(image.end(), at, at + p.joined[i]);
      }
    }
    return result;
  }

  test::Random random;
  std::vector<std::uint8_t> x;
  std::vector<float> w, bias;
};

// The sum over the window of the result's element i.
std::int64_t sum_of(const Conv2dProblem& p, const Data& data, const std::vector<std::int8_t>& q,
                    std::int64_t i) {
  const std::int64_t n = i % p.filters;
  const std::int64_t pixel = i / p.filters;
  const std::int64_t b = pixel / (p.out_h() * p.out_w());
  std::int64_t sum = 0;
  for (std::int64_t u = 0; u < p.kernel_h; ++u) {
    for (std::int64_t v = 0; v < p.kernel_w; ++v) {
      const std::int64_t row =
          pixel / p.out_w() % p.out_h() * p.stride.h - p.padding.top + u * p.dilation.h;
      const std::int64_t column =
          pixel % p.out_w() * p.stride.w - p.padding.left + v * p.dilation.w;
      if (row < 0 || row >= p.height || column < 0 || column >= p.width) continue;
      for (std::int64_t c = 0; c < p.channels; ++c) {
        const std::int64_t at = ((b * p.height + row) * p.width + column) * p.channels + c;
        const std::int64_t tap = ((n * p.channels + c) * p.kernel_h + u) * p.kernel_w + v;
        sum += (data.x[static_cast<std::size_t>(at)] - p.input_scheme.zero) *
               q[static_cast<std::size_t>(tap)];
      }
    }
  }
  return sum;
}

std::string name_of(const Conv2dProblem& p) {
  return to_string(Dims{p.batch, p.height, p.width, p.channels}) + " by " +
         to_string(Dims{p.filters, p.kernel_h, p.kernel_w}) + " to " +
         std::string(to_string(p.output));
}

void check(Conv2dProblem p, test::Ran& ran, bool extreme = false) {
  p.weights = DType::kI8;
  p.input = DType::kU8;
  const Data data(p, extreme);
  test::Case<Conv2dProblem> c;
  c.name = name_of(p);
  c.problem = p;
  c.output = p.output;
  if (p.output == DType::kU8) c.scheme = p.output_scheme;
  c.any_threads = true;
  c.constants = data.constants(p);
  c.byte_inputs = data.images(p);
  c.inputs.resize(c.byte_inputs.rbegin()->first + 1);
  // How the weights are rounded is tested with their scheme.
  const Int8Filters filters(p, c.constants);
  for (std::int64_t i = 0; i < p.batch * p.out_h() * p.out_w() * p.filters; ++i) {
    const auto n = static_cast<std::size_t>(i % p.filters);
    // The sum is exact; it, the product of the scales, the product with that and the sum with the
    // bias are rounded to float32: four roundings of half an epsilon.
    const double product = static_cast<double>(sum_of(p, data, filters.q, i)) *
                           double{p.input_scheme.scale} * double{filters.scales[n]};
    const double bias = p.bias ? double{data.bias[n]} : 0.0;
    const double y = test::activate(p.activation, product + bias);
    const double tolerance = 2 * kEpsilon * (std::abs(product) + std::abs(bias)) + 1e-30;
    c.expected.push_back(y);
    c.tolerance.push_back(test::activation_tolerance(p.activation, tolerance, y));
    // Of results that are rounded to fewer bits, activations may be approximations.
    if (p.output != DType::kF32) {
      c.tolerance.back() += test::narrow_activation_tolerance(p.activation, product + bias);
    }
  }
  test::check_case(conv2d_test_rows(), c, ran);
}

// All outputs of a window; zero points that are ends of the range and in between.
void check_outputs(Conv2dProblem p, test::Ran& ran) {
  p.bias = p.filters % 2 == 1;
  p.input_scheme = {0.02F, p.filters * 37 % 256};
  for (const DType output : {DType::kF32, DType::kBF16, DType::kU8}) {
    p.output = output;
    p.output_scheme = {};
    // Some numbers are beyond the scheme's.
    if (output == DType::kU8) p.output_scheme = {0.03F, p.channels * 29 % 256};
    check(p, ran);
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(Conv2dInt8, EveryKernelAgreesWithExactSums) {
  test::Ran ran;
  struct Sizes {
    std::int64_t batch, height, width, channels, filters, kernel_h, kernel_w;
    graph::Size2d stride;
    graph::Pads2d padding;
    graph::Size2d dilation;
  };
  const Sizes all[] = {
      // Pixels where they lie: whole groups of channels or not, one or more tiles and strips.
      {2, 7, 9, 33, 65, 1, 1, 1, 0, 1},
      {1, 8, 8, 64, 32, 1, 1, 1, 0, 1},
      {1, 20, 21, 128, 70, 1, 1, 1, 0, 1},
      {1, 1, 1, 256, 300, 1, 1, 1, 0, 1},
      {3, 1, 13, 8, 1, 1, 1, 1, 0, 1},
      {2, 9, 10, 12, 34, 1, 1, 2, 0, 1},
      // Windows in the image, and with padding around it.
      {2, 32, 48, 3, 70, 16, 16, 16, 0, 1},
      {2, 8, 6, 4, 16, 2, 2, 2, 0, 1},
      {1, 40, 40, 3, 32, 3, 3, 1, 1, 1},
      {2, 13, 11, 3, 20, 3, 3, 2, 1, 1},
      {1, 6, 6, 100, 64, 3, 3, 1, 1, 1},
      {2, 7, 5, 20, 31, 3, 3, 1, 1, 1},
      {1, 20, 20, 64, 96, 3, 3, 1, 1, 1},
      {1, 14, 15, 32, 40, 3, 3, 2, 1, 1},
      {1, 4, 700, 4, 5, 3, 3, 1, 1, 1},
      // Strides, paddings and dilations that differ by side and axis; images narrower than windows.
      {1, 9, 12, 17, 16, 3, 2, 2, 2, 1},
      {1, 9, 12, 3, 5, 5, 7, 1, 0, 1},
      {1, 3, 2, 5, 7, 3, 3, 1, 4, 1},
      {2, 1, 1, 8, 8, 3, 3, 1, 1, 1},
      {2, 11, 14, 6, 9, 3, 2, {2, 3}, {1, 0, 2, 1}, 1},
      {2, 11, 14, 8, 9, 3, 2, {2, 3}, {1, 0, 2, 1}, {3, 2}},
      {2, 11, 14, 6, 9, 3, 2, 1, {4, 3, 0, 1}, {3, 2}},
      {1, 12, 12, 16, 33, 3, 3, 1, 0, 2},
  };
  for (const Sizes& s : all) {
    Conv2dProblem p{.batch = s.batch,
                    .height = s.height,
                    .width = s.width,
                    .channels = s.channels,
                    .filters = s.filters,
                    .kernel_h = s.kernel_h,
                    .kernel_w = s.kernel_w,
                    .stride = s.stride,
                    .padding = s.padding,
                    .dilation = s.dilation,
                    .activation = static_cast<Activation>((s.channels + s.width) % 6)};
    check_outputs(p, ran);
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(ran["windows.avx2"], 0);
  EXPECT_GT(ran["reference.reference"], 0);
  const CpuFeatures features = test::test_features();
  EXPECT_EQ(ran["windows.avx_vnni"] > 0, features.has(CpuFeature::kAvxVnni));
  EXPECT_EQ(ran["windows.avx512_vnni"] > 0, features.has(CpuFeature::kAvx512Vnni));
}

TEST(Conv2dInt8, SeveralImagesAreReadAsOne) {
  test::Ran ran;
  for (const std::vector<std::int64_t>& joined :
       std::vector<std::vector<std::int64_t>>{{16, 16}, {8, 24, 4}, {3, 5}, {1, 1, 1}}) {
    Conv2dProblem p{.batch = 2, .height = 5, .width = 7, .channels = 0, .filters = 21};
    for (const std::int64_t channels : joined) p.channels += channels;
    p.joined = joined;
    check_outputs(p, ran);
    p.stride = {2, 3};
    check_outputs(p, ran);
  }
  EXPECT_GT(ran["windows.avx2"], 0);
}

TEST(Conv2dInt8, EveryActivation) {
  test::Ran ran;
  for (int activation = 0; activation < 6; ++activation) {
    check_outputs({.height = 5,
                   .width = 6,
                   .channels = 16,
                   .filters = 37,
                   .kernel_h = 3,
                   .kernel_w = 3,
                   .padding = 1,
                   .activation = static_cast<Activation>(activation)},
                  ran);
  }
}

// Sums of the most inputs that there may be fit into 32 bits, whatever the zero point is.
TEST(Conv2dInt8, TheLargestSums) {
  test::Ran ran;
  for (const std::int64_t zero : {0, 255}) {
    Conv2dProblem p{.height = 2,
                    .width = 3,
                    .channels = kInt8MostInputs / 2,
                    .filters = 2,
                    .kernel_h = 1,
                    .kernel_w = 2,
                    .input_scheme = {1.0F, zero}};
    check(p, ran, true);
    p.channels += 1;
    p.weights = DType::kI8;
    for (const auto& kernel : conv2d_test_rows()) {
      EXPECT_FALSE(ask(kernel, p, test::test_target(1))) << kernel.label();
    }
  }
}

TEST(Conv2dInt8, OfNothing) {
  test::Ran ran;
  Conv2dProblem p{.batch = 0, .height = 9, .width = 9, .channels = 8, .filters = 8};
  p.input_scheme = {1.0F, 7};
  check(p, ran);
  p = {.height = 9, .width = 9, .channels = 0, .filters = 5, .bias = true};
  p.input_scheme = {1.0F, 7};
  check(p, ran);
  EXPECT_GT(ran["reference.reference"], 0);
}

// Windows of which a band would be larger than memory are left to the reference.
TEST(Conv2dInt8, WindowsThatSpanMillionsOfPixels) {
  test::Ran ran;
  constexpr std::int64_t kFar = (1 << 24) - 1;
  check({.channels = 1 << 13,
         .filters = 3,
         .kernel_h = 2,
         .kernel_w = 2,
         .padding = {kFar, kFar, 0, 0},
         .dilation = kFar,
         .bias = true,
         .input_scheme = {0.02F, 3}},
        ran);
  EXPECT_EQ(ran, (test::Ran{{"reference.reference", 2}}));
}

// The results of all kernels but the reference.
std::map<std::string, std::vector<std::uint8_t>> fast_results(const Conv2dProblem& p) {
  const Data data(p);
  const auto images = data.images(p);
  std::vector<const void*> inputs(images.rbegin()->first + 1);
  for (const auto& [i, image] : images) inputs[i] = image.data();
  const TargetInfo target = test::test_target(1);
  std::map<std::string, std::vector<std::uint8_t>> results;
  for (const auto& kernel : conv2d_test_rows()) {
    const Offer offer = ask(kernel, p, target);
    if (!offer || kernel.is_reference()) continue;
    const test::Guarded packed(offer.packed_bytes);
    const test::Guarded workspace(offer.workspace_bytes);
    kernel.pack(p, data.constants(p), packed.data());
    std::vector<std::uint8_t>& y = results[kernel.label()];
    y.resize(static_cast<std::size_t>(p.batch * p.out_h() * p.out_w() * p.filters) *
             size_of(p.output));
    void* outputs[] = {y.data()};
    kernel.run(*kernel.create(p, target, offer), {.inputs = inputs,
                                                  .outputs = outputs,
                                                  .packed = packed.data(),
                                                  .workspace = workspace.data()});
  }
  return results;
}

// Whatever instructions there are, and however they read windows, the bits are the same: of windows
// with padding, ones that are copied one by one, pixels where they lie, and of several images.
TEST(Conv2dInt8, AllFastKernelsGiveTheSameBits) {
  const Conv2dProblem padded{.height = 11,
                             .width = 13,
                             .channels = 24,
                             .filters = 41,
                             .kernel_h = 3,
                             .kernel_w = 3,
                             .padding = 1};
  Conv2dProblem copied = padded;
  copied.channels = 3;
  const Conv2dProblem pixels{.height = 11, .width = 13, .channels = 24, .filters = 41};
  Conv2dProblem several = pixels;
  several.joined = {7, 17};
  for (Conv2dProblem p : {padded, copied, pixels, several}) {
    p.bias = true;
    p.weights = DType::kI8;
    p.input = DType::kU8;
    p.input_scheme = {0.02F, 100};
    for (const DType output : {DType::kF32, DType::kBF16, DType::kU8}) {
      p.output = output;
      p.output_scheme = {};
      if (output == DType::kU8) p.output_scheme = {0.01F, 20};
      for (int activation = 0; activation < 6; ++activation) {
        p.activation = static_cast<Activation>(activation);
        const auto results = fast_results(p);
        ASSERT_FALSE(results.empty());
        for (const auto& [label, y] : results) EXPECT_EQ(y, results.begin()->second) << label;
      }
    }
  }
}

}  // namespace
}  // namespace lasso::kernels
