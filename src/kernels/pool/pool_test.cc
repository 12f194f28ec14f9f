#include "kernels/pool/pool.h"

#include <cmath>
#include <limits>

#include "graph/builder.h"
#include "kernels/kernel_test.h"

namespace lasso::kernels {
namespace {

using graph::Pool2d;
using graph::PoolKind;
using test::Case;

Call make_call(const Pool2d& op, const Dims& x) {
  graph::Builder builder("test");
  const graph::ValueId in = builder.input("x", DType::kF32, graph::Shape(x.begin(), x.end()));
  const Dims y = graph::evaluate(builder.shape(builder.add("y", op, {in})), {});
  return {.op = op,
          .inputs = {{.present = true, .dims = x}},
          .outputs = {{.present = true, .dims = y}}};
}

// The windows' numbers one by one, in double precision: those of the padding are visited, too. Of
// other types than float32, the largest number is one of these.
void check_pool(const Pool2d& op, const Dims& dims, test::Ran& ran, DType dtype = DType::kF32) {
  Call call = make_call(op, dims);
  call.inputs[0].dtype = dtype;
  const Dims& result = call.outputs[0].dims;
  test::Random random(static_cast<std::uint64_t>(dims[1] * 131 + dims[3]));
  Case<Pool2dProblem> c;
  c.name = graph::attributes(op) + " of " + to_string(dims);
  c.problem = make_pool2d_problem(call);
  c.any_threads = true;
  c.inputs = {random.vector(element_count(dims))};
  c.output = dtype;
  if (is_half(dtype)) {
    c.byte_inputs[0] = test::bytes_of(test::to_half(dtype, c.inputs[0]));
    c.inputs[0] = test::rounded_to_half(dtype, c.inputs[0]);
  } else if (dtype == DType::kU8) {
    c.scheme = {1.0F, 0};
    for (float& number : c.inputs[0]) {
      c.byte_inputs[0].push_back(static_cast<std::uint8_t>(127.5F + 127.5F * number));
      number = c.byte_inputs[0].back();
    }
  }
  const auto x = [&](std::int64_t b, std::int64_t i, std::int64_t j, std::int64_t ch) {
    return static_cast<double>(
        c.inputs[0][static_cast<std::size_t>(((b * dims[1] + i) * dims[2] + j) * dims[3] + ch)]);
  };
  for (std::int64_t at = 0; at < element_count(result); ++at) {
    const std::int64_t ch = at % result[3];
    const std::int64_t j = at / result[3] % result[2];
    const std::int64_t i = at / (result[3] * result[2]) % result[1];
    const std::int64_t b = at / (result[3] * result[2] * result[1]);
    double largest = -std::numeric_limits<double>::infinity();
    double sum = 0;
    double magnitudes = 0;
    std::int64_t inside = 0;
    std::int64_t padded = 0;
    for (std::int64_t u = 0; u < op.kernel_h; ++u) {
      for (std::int64_t v = 0; v < op.kernel_w; ++v) {
        const std::int64_t row = i * op.stride.h - op.padding.top + u * op.dilation.h;
        const std::int64_t column = j * op.stride.w - op.padding.left + v * op.dilation.w;
        if (row < dims[1] + op.padding.bottom && column < dims[2] + op.padding.right) ++padded;
        if (row < 0 || row >= dims[1] || column < 0 || column >= dims[2]) continue;
        ++inside;
        largest = std::max(largest, x(b, row, column, ch));
        sum += x(b, row, column, ch);
        magnitudes += std::abs(x(b, row, column, ch));
      }
    }
    if (op.kind == PoolKind::kMax) {
      c.expected.push_back(largest);
      c.tolerance.push_back(0);
      continue;
    }
    const std::int64_t count = op.count_padding ? padded : inside;
    const double mean = inside == 0 ? 0 : sum / static_cast<double>(count);
    c.expected.push_back(mean);
    const double divisor = static_cast<double>(std::max<std::int64_t>(count, 1));
    c.tolerance.push_back(test::sum_tolerance(inside, magnitudes) / divisor +
                          test::kEpsilon * std::abs(mean));
  }
  test::check_case(pool2d_kernels(), c, ran);
}

TEST(Pool2d, EveryKernelAgreesWithDoublePrecision) {
  test::Ran ran;
  const Pool2d windows[] = {
      {.kernel_h = 2, .kernel_w = 2, .stride = 2},
      {.kernel_h = 5, .kernel_w = 5, .padding = 2},
      {.kernel_h = 13, .kernel_w = 9, .padding = {6, 4, 6, 4}},
      {.kernel_h = 1, .kernel_w = 3, .stride = {1, 2}},
      {.kernel_h = 3, .kernel_w = 1, .stride = {2, 1}, .padding = {1, 0, 0, 0}},
      {.kernel_h = 3, .kernel_w = 2, .stride = {3, 2}, .padding = {2, 1, 1, 0}, .ceil = true},
      {.kernel_h = 3, .kernel_w = 2, .stride = {2, 3}, .padding = {1, 0, 2, 1}, .dilation = {2, 3}},
      {.kernel_h = 2, .kernel_w = 3, .stride = 2, .padding = 1, .dilation = {3, 1}, .ceil = true},
  };
  for (Pool2d op : windows) {
    for (const PoolKind kind : {PoolKind::kMax, PoolKind::kAverage}) {
      for (const bool count_padding : {false, true}) {
        op.kind = kind;
        op.count_padding = count_padding;
        for (const std::int64_t channels : {1, 37, 64, 150}) {
          check_pool(op, {2, 9, 11, channels}, ran);
          if (::testing::Test::HasFailure()) return;
        }
        check_pool(op, {1, 70, 64, 8}, ran);
        check_pool(op, {0, 9, 11, 8}, ran);
        check_pool(op, {1, 9, 11, 0}, ran);
        if (kind == PoolKind::kMax) {
          for (const DType dtype : {DType::kBF16, DType::kF16, DType::kU8}) {
            for (const std::int64_t channels : {1, 37, 150}) {
              check_pool(op, {2, 9, 11, channels}, ran, dtype);
            }
            check_pool(op, {1, 70, 64, 8}, ran, dtype);
          }
          break;
        }
      }
    }
  }
  // Windows of nothing but padding.
  const Pool2d outside{.kind = PoolKind::kAverage, .stride = 3, .padding = {2, 2, 3, 4}};
  check_pool(outside, {2, 9, 11, 37}, ran);
  test::expect_all_ran(pool2d_kernels(), {}, ran);
}

// Calls check(kernel, y) with what every kernel makes of x, of the largest number as 16 bits, too.
template <typename Check>
void run_each(const Pool2d& op, const Dims& dims, const std::vector<float>& x, const Check& check) {
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF16}) {
    Call call = make_call(op, dims);
    call.inputs[0].dtype = dtype;
    const Pool2dProblem p = make_pool2d_problem(call);
    if (dtype != DType::kF32 && op.kind == PoolKind::kAverage) continue;
    for (const Kernel<Pool2dProblem>& kernel : pool2d_kernels()) {
      const TargetInfo target = test::test_target(1);
      const Offer offer = ask(kernel, p, target);
      ASSERT_TRUE(offer || !kernel.is_reference());
      if (!offer) continue;
      const test::Guarded workspace(offer.workspace_bytes);
      std::vector<float> y(static_cast<std::size_t>(p.count()));
      const std::vector<std::uint16_t> halves =
          is_half(dtype) ? test::to_half(dtype, x) : std::vector<std::uint16_t>{};
      std::vector<std::uint16_t> results(y.size());
      const void* inputs[] = {is_half(dtype) ? static_cast<const void*>(halves.data()) : x.data()};
      void* outputs[] = {is_half(dtype) ? static_cast<void*>(results.data()) : y.data()};
      kernel.run(*kernel.create(p, target, offer),
                 {.inputs = inputs, .outputs = outputs, .workspace = workspace.data()});
      for (std::size_t i = 0; is_half(dtype) && i < y.size(); ++i) {
        y[i] = half_to_f32(dtype, results[i]);
      }
      check(kernel.label() + " of " + std::string(to_string(dtype)), y);
    }
  }
}

// The last window does not begin behind the image, whatever rounding up says; what lies behind the
// padding counts in no mean.
TEST(Pool2d, RoundsTheResultUp) {
  const auto rows = [](Pool2d op, std::int64_t height) {
    op.ceil = true;
    return make_call(op, {1, height, 8, 1}).outputs[0].dims[1];
  };
  EXPECT_EQ(rows({.kernel_h = 2, .stride = 2}, 5), 3);
  EXPECT_EQ(rows({.kernel_h = 1, .stride = 2}, 4), 2);  // floor((4 - 1) / 2) + 1
  EXPECT_EQ(rows({.kernel_h = 3, .stride = 2}, 4), 2);  // two windows, the second cut off
  EXPECT_EQ(rows({.kernel_h = 1, .stride = 3}, 5), 2);  // not ceil(4 / 3) + 1: it begins at 6
  EXPECT_EQ(rows({.kernel_h = 3, .stride = 3, .padding = 1}, 5), 2);
  EXPECT_EQ(rows({.kernel_h = 3, .stride = 3, .padding = {1, 0, 0, 0}}, 1), 1);
}

TEST(Pool2d, NanAndInfinitiesStay) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const std::int64_t channels : {1, 20, 64}) {
    for (const Pool2d& op :
         {Pool2d{.kernel_h = 2, .kernel_w = 2}, Pool2d{.kernel_h = 1, .kernel_w = 4},
          Pool2d{.kernel_h = 4, .kernel_w = 1}}) {
      for (const auto& [given, expected] : std::vector<std::pair<std::vector<float>, float>>{
               {{1, kNan, 2, 3}, kNan},
               {{kNan, 1, 2, 3}, kNan},
               {{1, 2, 3, kNan}, kNan},
               {{kInfinity, kNan, -kInfinity, 3}, kNan},
               {{-kInfinity, -kInfinity, -kInfinity, -kInfinity}, -kInfinity},
               {{-2, -kInfinity, -3, -4}, -2},
               {{1, 2, kInfinity, -kInfinity}, kInfinity}}) {
        std::vector<float> x;
        for (const float value : given)
          x.insert(x.end(), static_cast<std::size_t>(channels), value);
        run_each(op, {1, op.kernel_h, op.kernel_w, channels}, x,
                 [&, expected = expected](const std::string& label, const std::vector<float>& y) {
                   for (const float value : y) {
                     EXPECT_TRUE(value == expected || (std::isnan(value) && std::isnan(expected)))
                         << label << ": " << value << " instead of " << expected;
                   }
                 });
      }
    }
  }
}

TEST(Pool2d, OfNothing) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> x{7, 8, 9, 10};
  Pool2d op{.stride = {1, 2}, .padding = {0, 1, 0, 1}};
  run_each(op, {1, 1, 2, 2}, x, [&](const std::string& label, const std::vector<float>& y) {
    EXPECT_EQ(y, (std::vector<float>{-kInfinity, -kInfinity, 9, 10})) << label;
  });
  test::Ran ran;
  check_pool(op, {1, 1, 2, 2}, ran, DType::kU8);  // there, 0 is the least number
  EXPECT_GT(ran["rows.avx2"], 0);
  op.kind = PoolKind::kAverage;
  op.padding = {1, 1, 0, 1};
  run_each(op, {1, 1, 2, 2}, x, [](const std::string& label, const std::vector<float>& y) {
    EXPECT_EQ(y, (std::vector<float>{0, 0, 0, 0, 0, 0, 9, 10})) << label;
  });
}

}  // namespace
}  // namespace lasso::kernels
