#include "kernels/resize/resize.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "graph/builder.h"
#include "kernels/kernel_test.h"
#include "lasso/error.h"

namespace lasso::kernels {
namespace {

using graph::NearestRounding;
using graph::Resize;
using graph::ResizeCoordinates;
using graph::ResizeMode;
using test::Case;

Call make_call(const Resize& op, const Dims& x) {
  graph::Builder builder("test");
  const graph::ValueId in = builder.input("x", DType::kF32, graph::Shape(x.begin(), x.end()));
  const Dims y = graph::evaluate(builder.shape(builder.add("y", op, {in})), {});
  return {.op = op,
          .inputs = {{.present = true, .dims = x}},
          .outputs = {{.present = true, .dims = y}}};
}

// Where pixel i of m stands among n, in double precision.
double coordinate(ResizeCoordinates coordinates, std::int64_t i, std::int64_t n, std::int64_t m,
                  double scale) {
  const auto size = static_cast<double>(n);
  const auto result = static_cast<double>(m);
  const double s = scale == 0 ? result / size : scale;
  const auto at = static_cast<double>(i);
  const double half_pixel = (at + 0.5) / s - 0.5;
  switch (coordinates) {
    case ResizeCoordinates::kHalfPixel:
      return half_pixel;
    case ResizeCoordinates::kHalfPixelSymmetric:
      return size / 2 * (1 - result / (s * size)) + half_pixel;
    case ResizeCoordinates::kPytorchHalfPixel:
      return m == 1 ? 0 : half_pixel;
    case ResizeCoordinates::kAlignCorners:
      return m == 1 ? 0 : at * (size - 1) / (s * size - 1);
    case ResizeCoordinates::kAsymmetric:
      return at / s;
  }
  return 0;
}

double cubic_weight(double a, double distance) {
  const double d = std::abs(distance);
  if (d <= 1) return (a + 2) * d * d * d - (a + 3) * d * d + 1;
  return d < 2 ? a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a : 0;
}

// The weights of all n pixels for the one that stands at t.
std::vector<double> weights(const Resize& op, double t, std::int64_t n) {
  constexpr double kClose = 1e-4;  // what is a tie but for rounding is one
  double k = std::floor(t + kClose);
  double f = std::max(t - k, 0.0);
  if (std::abs(f - 0.5) < kClose) f = 0.5;
  if (f < kClose) f = 0;
  std::vector<double> result(static_cast<std::size_t>(n));
  const auto add = [&](double place, double weight) {
    const bool inside = place >= 0 && place < static_cast<double>(n);
    if (op.exclude_outside && !inside) return;
    result[static_cast<std::size_t>(std::clamp(place, 0.0, static_cast<double>(n - 1)))] += weight;
  };
  if (op.mode == ResizeMode::kNearest) {
    bool up = false;
    if (op.rounding == NearestRounding::kPreferFloor) up = f > 0.5;
    if (op.rounding == NearestRounding::kPreferCeil) up = f >= 0.5;
    if (op.rounding == NearestRounding::kCeil) up = f > 0;
    add(up ? k + 1 : k, 1);
    return result;
  }
  if (op.mode == ResizeMode::kLinear) {
    add(k, 1 - f);
    add(k + 1, f);
    return result;
  }
  for (double place = k - 1; place <= k + 2; ++place) {
    add(place, cubic_weight(op.cubic_a, t - place));
  }
  const double sum = std::accumulate(result.begin(), result.end(), 0.0);
  if (op.exclude_outside && sum != 0) {
    for (double& weight : result) weight /= sum;
  }
  return result;
}

// The weights of all n pixels for each of the m that they become.
std::vector<std::vector<double>> axis_weights(const Resize& op, std::int64_t n, std::int64_t m,
                                              double scale) {
  std::vector<std::vector<double>> result;
  for (std::int64_t i = 0; i < m; ++i) {
    result.push_back(weights(op, coordinate(op.coordinates, i, n, m, scale), n));
  }
  return result;
}

// The same for n pixels that become `between` first.
std::vector<std::vector<double>> axis_weights(const Resize& op, std::int64_t n,
                                              std::int64_t between, double first_scale,
                                              std::int64_t m, double scale) {
  if (!op.is_double()) return axis_weights(op, n, m, scale);
  const auto first = axis_weights(op, n, between, first_scale);
  auto result = axis_weights(op, between, m, scale);
  for (std::vector<double>& row : result) {
    std::vector<double> sum(static_cast<std::size_t>(n));
    for (std::size_t k = 0; k < row.size(); ++k) {
      for (std::size_t u = 0; u < sum.size(); ++u) sum[u] += row[k] * first[k][u];
    }
    row = sum;
  }
  return result;
}

void check_resize(const Resize& op, const Dims& dims, test::Ran& ran) {
  const Call call = make_call(op, dims);
  const Dims& result = call.outputs[0].dims;
  test::Random random(static_cast<std::uint64_t>(dims[1] * 131 + dims[3]));
  Case<ResizeProblem> c;
  c.name = graph::attributes(op) + " of " + to_string(dims) + " to " + to_string(result);
  c.problem = make_resize_problem(call);
  c.any_threads = true;
  c.inputs = {random.vector(element_count(dims))};
  const Dims between = graph::evaluate({op.through_height, op.through_width}, {});
  const auto rows =
      axis_weights(op, dims[1], between[0], op.through_scale_h, result[1], op.scale_h);
  const auto columns =
      axis_weights(op, dims[2], between[1], op.through_scale_w, result[2], op.scale_w);
  // Four roundings of where a pixel stands, which no mode turns into more than 8 times as much of
  // the result: numbers are below 1, and no cubic weight is steeper than 2. Then sums of four
  // terms, twice. Of two sums, both stand somewhere, and steps between the first's pixels are up
  // to 2.
  const double far = static_cast<double>(dims[1] + dims[2] + between[0] + between[1]) + 2;
  const double tolerance =
      op.mode == ResizeMode::kNearest ? 0 : test::kEpsilon * (4 * 8 * far + 2 * (3 + 2) * 3);
  for (std::int64_t b = 0; b < result[0]; ++b) {
    for (std::int64_t i = 0; i < result[1]; ++i) {
      for (std::int64_t j = 0; j < result[2]; ++j) {
        for (std::int64_t ch = 0; ch < result[3]; ++ch) {
          double sum = 0;
          for (std::int64_t u = 0; u < dims[1]; ++u) {
            for (std::int64_t v = 0; v < dims[2]; ++v) {
              sum += rows[static_cast<std::size_t>(i)][static_cast<std::size_t>(u)] *
                     columns[static_cast<std::size_t>(j)][static_cast<std::size_t>(v)] *
                     c.inputs[0][static_cast<std::size_t>(
                         ((b * dims[1] + u) * dims[2] + v) * dims[3] + ch)];
            }
          }
          c.expected.push_back(sum);
          c.tolerance.push_back(tolerance);
        }
      }
    }
  }
  test::check_case(resize_kernels(), c, ran);
}

TEST(Resize, EveryKernelAgreesWithDoublePrecision) {
  struct Sizes {
    std::int64_t height, width, to_height, to_width;
  };
  test::Ran ran;
  for (const ResizeMode mode : {ResizeMode::kNearest, ResizeMode::kLinear, ResizeMode::kCubic}) {
    for (const ResizeCoordinates coordinates :
         {ResizeCoordinates::kHalfPixel, ResizeCoordinates::kHalfPixelSymmetric,
          ResizeCoordinates::kPytorchHalfPixel, ResizeCoordinates::kAlignCorners,
          ResizeCoordinates::kAsymmetric}) {
      for (const Sizes& s : {Sizes{4, 5, 8, 10},
                             {8, 6, 4, 3},
                             {5, 7, 11, 3},
                             {3, 3, 1, 9},
                             {1, 1, 5, 4},
                             {6, 20, 6, 70},
                             {2, 50, 3, 41},
                             {2, 70, 2, 9}}) {
        for (const std::int64_t channels : {1, 3, 4, 5, 8, 37}) {
          Resize op{.mode = mode, .coordinates = coordinates};
          op.height = s.to_height;
          op.width = s.to_width;
          check_resize(op, {2, s.height, s.width, channels}, ran);
          if (::testing::Test::HasFailure()) return;
        }
      }
    }
  }
  test::expect_all_ran(resize_kernels(), {.batch = 0}, ran);
}

TEST(Resize, RoundingScalesAndWeights) {
  test::Ran ran;
  for (const NearestRounding rounding :
       {NearestRounding::kPreferFloor, NearestRounding::kPreferCeil, NearestRounding::kFloor,
        NearestRounding::kCeil}) {
    for (const ResizeCoordinates coordinates :
         {ResizeCoordinates::kHalfPixel, ResizeCoordinates::kAsymmetric}) {
      for (const std::int64_t size : {3, 6, 12, 18}) {
        Resize op{.coordinates = coordinates, .rounding = rounding};
        op.height = size;
        op.width = 2 * size;
        check_resize(op, {1, 6, 6, 5}, ran);
        check_resize(op, {1, 6, 6, 1}, ran);
      }
    }
  }
  // Scales that are no quotients of the sizes.
  for (const ResizeMode mode : {ResizeMode::kLinear, ResizeMode::kCubic}) {
    for (const ResizeCoordinates coordinates :
         {ResizeCoordinates::kHalfPixel, ResizeCoordinates::kHalfPixelSymmetric,
          ResizeCoordinates::kAlignCorners, ResizeCoordinates::kAsymmetric}) {
      for (const float a : {-0.75F, -0.5F}) {
        Resize op{.mode = mode, .coordinates = coordinates, .scale_h = 0.6F, .scale_w = 1.7F};
        op.height = 4;
        op.width = 11;
        op.cubic_a = a;
        op.exclude_outside = mode == ResizeMode::kCubic && a == -0.5F;
        check_resize(op, {1, 7, 7, 2}, ran);
      }
    }
  }
  check_resize({.height = 4, .width = 4}, {0, 3, 3, 8}, ran);
  check_resize({.height = 4, .width = 4}, {1, 3, 3, 0}, ran);
  check_resize({.mode = ResizeMode::kLinear, .height = 0, .width = 4}, {1, 3, 3, 8}, ran);
}

// What an image becomes that is resized to another first, whose sizes may be cut off.
TEST(Resize, TwiceInOne) {
  test::Ran ran;
  for (const ResizeCoordinates coordinates :
       {ResizeCoordinates::kHalfPixel, ResizeCoordinates::kAlignCorners,
        ResizeCoordinates::kAsymmetric}) {
    for (const std::int64_t channels : {1, 3, 4, 19}) {
      Resize op{.mode = ResizeMode::kLinear, .coordinates = coordinates};
      op.height = 23;
      op.width = 70;
      op.through_height = 20;
      op.through_width = 72;
      check_resize(op, {2, 5, 18, channels}, ran);
      op.through_scale_h = 6.0F;  // of 30 rows 20
      op.through_scale_w = 4.0F;
      check_resize(op, {1, 5, 18, channels}, ran);
      op.height = 3;
      op.width = 7;
      check_resize(op, {1, 5, 40, channels}, ran);
    }
  }
  test::expect_all_ran(resize_kernels(), {.batch = 0}, ran);
  Resize op{.mode = ResizeMode::kLinear, .height = 4, .width = 4, .through_height = 8};
  EXPECT_THROW(make_call(op, {1, 3, 3, 1}), Error);
  op.through_width = 8;
  EXPECT_NO_THROW(make_call(op, {1, 3, 3, 1}));
  op.mode = ResizeMode::kCubic;
  EXPECT_THROW(make_call(op, {1, 3, 3, 1}), Error);
}

// Calls check(label, y) with what every kernel makes of x.
template <typename Check>
void run_each(const ResizeProblem& p, const std::vector<float>& x, const Check& check) {
  for (const Kernel<ResizeProblem>& kernel : resize_kernels()) {
    const TargetInfo target = test::test_target(1);
    const Offer offer = ask(kernel, p, target);
    if (!offer) continue;
    const test::Guarded workspace(offer.workspace_bytes);
    std::vector<float> y(static_cast<std::size_t>(p.count()));
    const void* inputs[] = {x.data()};
    void* outputs[] = {y.data()};
    kernel.run(*kernel.create(p, target, offer),
               {.inputs = inputs, .outputs = outputs, .workspace = workspace.data()});
    check(kernel.label(), y);
  }
}

// As bytes, integers that all types have.
std::vector<std::uint8_t> integers_of(DType dtype, const std::vector<float>& values) {
  std::vector<std::uint8_t> bytes;
  if (is_half(dtype)) return test::bytes_of(test::to_half(dtype, values));
  for (const float value : values) bytes.push_back(static_cast<std::uint8_t>(value));
  return bytes;
}

TEST(Resize, NearestPixelsOfEveryType) {
  for (const std::int64_t channels : {1, 3, 5, 16, 37, 150}) {
    const Dims dims{2, 5, 7, channels};
    std::vector<float> x(static_cast<std::size_t>(element_count(dims)));
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * 7919 % 251);
    for (const auto& [height, width] : {std::pair{10, 14}, {11, 3}, {60, 40}}) {
      const Resize op{.coordinates = ResizeCoordinates::kAsymmetric,
                      .rounding = NearestRounding::kFloor,
                      .height = height,
                      .width = width};
      ResizeProblem p = make_resize_problem(make_call(op, dims));
      std::vector<float> expected;
      run_each(p, x,
               [&](const std::string& /*label*/, const std::vector<float>& y) { expected = y; });
      for (const DType dtype : {DType::kBF16, DType::kF16, DType::kU8}) {
        p.dtype = dtype;
        const std::vector<std::uint8_t> bytes = integers_of(dtype, x);
        int ran = 0;
        for (const Kernel<ResizeProblem>& kernel : resize_kernels()) {
          for (const int threads : {1, 2}) {
            const ThreadLimit limit(threads);
            const TargetInfo target = test::test_target(threads);
            const Offer offer = ask(kernel, p, target);
            if (!offer) continue;
            ++ran;
            const test::Guarded workspace(offer.workspace_bytes);
            const test::Guarded y(expected.size() * size_of(dtype));
            const void* inputs[] = {bytes.data()};
            void* outputs[] = {y.data()};
            kernel.run(*kernel.create(p, target, offer),
                       {.inputs = inputs, .outputs = outputs, .workspace = workspace.data()});
            EXPECT_TRUE(y.intact() && workspace.intact());
            const std::vector<std::uint8_t> wanted = integers_of(dtype, expected);
            EXPECT_EQ(std::memcmp(y.data(), wanted.data(), wanted.size()), 0)
                << kernel.label() << " of " << to_string(dtype) << ", " << channels << " channels";
          }
        }
        EXPECT_GE(ran, 4);
      }
    }
  }
}

// Numbers that ONNX's documentation of Resize gives.
TEST(Resize, NumbersOfTheDefinition) {
  const auto expect = [](const Resize& op, const Dims& dims, const std::vector<float>& expected) {
    std::vector<float> x(static_cast<std::size_t>(element_count(dims)));
    std::iota(x.begin(), x.end(), 1.0F);
    run_each(make_resize_problem(make_call(op, dims)), x,
             [&](const std::string& label, const std::vector<float>& y) {
               ASSERT_GE(y.size(), expected.size());
               for (std::size_t i = 0; i < expected.size(); ++i) {
                 EXPECT_NEAR(y[i], expected[i], 1e-5) << label << ", " << i;
               }
             });
  };
  expect({.mode = ResizeMode::kCubic, .height = 8, .width = 8}, {1, 4, 4, 1},
         {0.47265625F, 0.76953125F, 1.24609375F, 1.875F, 2.28125F, 2.91015625F, 3.38671875F,
          3.68359375F, 1.66015625F});
  expect(
      {.mode = ResizeMode::kLinear, .height = 4, .width = 4}, {1, 2, 2, 1},
      {1, 1.25F, 1.75F, 2, 1.5F, 1.75F, 2.25F, 2.5F, 2.5F, 2.75F, 3.25F, 3.5F, 3, 3.25F, 3.75F, 4});
  expect({.mode = ResizeMode::kLinear,
          .coordinates = ResizeCoordinates::kAlignCorners,
          .height = 1,
          .width = 2,
          .scale_h = 0.6F,
          .scale_w = 0.6F},
         {1, 2, 4, 1}, {1, 3.142857F});
  expect({.coordinates = ResizeCoordinates::kAsymmetric,
          .rounding = NearestRounding::kFloor,
          .height = 4,
          .width = 4},
         {1, 2, 2, 1}, {1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4});
}

// Whatever scales a file has, nothing is read outside of x.
TEST(Resize, ScalesThatMakeNoSense) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const float divisor : {1e-45F, 1e-30F, 1e30F, 0.0F, -1e-30F, kInfinity, std::nanf("")}) {
    for (const ResizeMode mode : {ResizeMode::kNearest, ResizeMode::kLinear, ResizeMode::kCubic}) {
      for (const std::int64_t channels : {1, 5}) {
        ResizeProblem p{.mode = mode, .channels = channels};
        p.h = {.size = 3, .result = 9, .divisor = divisor};
        p.w = {.size = 2, .result = 40, .offset = -divisor, .shift = 0.5F, .divisor = divisor};
        for (std::int64_t i = 0; i < p.w.result; ++i) {
          for (const std::int64_t place : samples_of(p, mode, p.w, i).places) {
            EXPECT_TRUE(place >= 0 && place < 2) << place;
          }
        }
        run_each(p, std::vector<float>(static_cast<std::size_t>(6 * channels), 2.0F),
                 [&](const std::string& label, const std::vector<float>& y) {
                   for (const float value : y) EXPECT_NEAR(value, 2.0F, 1e-5) << label;
                 });
      }
    }
  }
  EXPECT_THROW(make_call({.height = 2, .width = 2, .scale_h = -1.0F}, {1, 3, 3, 1}), Error);
  EXPECT_THROW(make_call({.height = 2, .width = 2, .scale_w = kInfinity}, {1, 3, 3, 1}), Error);
  EXPECT_THROW(make_call({.height = 2, .width = 2}, {1, 0, 3, 1}), Error);
  EXPECT_THROW(make_call({.height = 2, .width = 2, .exclude_outside = true}, {1, 3, 3, 1}), Error);
  Call call = make_call({.height = 2, .width = 2}, {1, 3, 3, 1});
  call.inputs[0].dims[2] = 0;
  EXPECT_THROW(make_resize_problem(call), Error);
}

}  // namespace
}  // namespace lasso::kernels
