#include "kernels/deconv/deconv.h"

#include "graph/builder.h"
#include "kernels/kernel_test.h"
#include "lasso/error.h"

namespace lasso::kernels {
namespace {

using graph::Activation;
using graph::Deconv2d;
using test::Case;

Call make_call(const Deconv2d& op, const Dims& x, const Dims& w, bool bias) {
  const std::int64_t filters = w[1] * op.groups;
  graph::Builder builder("test");
  const auto input = [&](const char* name, const Dims& dims) {
    return builder.input(name, DType::kF32, graph::Shape(dims.begin(), dims.end()));
  };
  const Dims b{filters};
  const graph::ValueId y =
      builder.add("y", op, {input("x", x), input("w", w), bias ? input("b", b) : graph::kNoValue});
  return {.op = op,
          .inputs = {{.present = true, .dims = x},
                     {.present = true, .dims = w, .constant = true},
                     {.present = bias, .dims = b, .constant = true}},
          .outputs = {{.present = true, .dims = graph::evaluate(builder.shape(y), {})}}};
}

// Every pixel of x adds its multiples of the filters to what is there of the result, in double
// precision.
void check_deconv(const Deconv2d& op, const Dims& x_dims, std::int64_t group_filters, bool bias,
                  test::Ran& ran) {
  const Dims w_dims{x_dims[3], group_filters, op.kernel_h, op.kernel_w};
  const Call call = make_call(op, x_dims, w_dims, bias);
  const Dims& y_dims = call.outputs[0].dims;
  test::Random random(static_cast<std::uint64_t>(x_dims[3] * 31 + group_filters));
  const auto x = random.vector(element_count(x_dims));
  const auto w = random.vector(element_count(w_dims));
  const auto b = random.vector(y_dims[3]);
  const auto count = static_cast<std::size_t>(element_count(y_dims));
  std::vector<double> sums(count);
  std::vector<double> magnitudes(count);
  for (std::size_t at = 0; bias && at < count; ++at) {
    sums[at] = b[at % b.size()];
    magnitudes[at] = std::abs(sums[at]);
  }
  for (std::int64_t at = 0; at < element_count(x_dims); ++at) {
    const std::int64_t c = at % x_dims[3];
    const std::int64_t q = at / x_dims[3] % x_dims[2];
    const std::int64_t p = at / (x_dims[3] * x_dims[2]) % x_dims[1];
    const std::int64_t image = at / (x_dims[3] * x_dims[2] * x_dims[1]);
    const std::int64_t group = c / (x_dims[3] / op.groups);
    for (std::int64_t n = 0; n < group_filters; ++n) {
      for (std::int64_t u = 0; u < op.kernel_h; ++u) {
        for (std::int64_t v = 0; v < op.kernel_w; ++v) {
          const std::int64_t i = p * op.stride.h - op.padding.top + u * op.dilation.h;
          const std::int64_t j = q * op.stride.w - op.padding.left + v * op.dilation.w;
          if (i < 0 || i >= y_dims[1] || j < 0 || j >= y_dims[2]) continue;
          const double term = static_cast<double>(x[static_cast<std::size_t>(at)]) *
                              w[static_cast<std::size_t>(
                                  ((c * group_filters + n) * op.kernel_h + u) * op.kernel_w + v)];
          const auto to = static_cast<std::size_t>(
              ((image * y_dims[1] + i) * y_dims[2] + j) * y_dims[3] + group * group_filters + n);
          sums[to] += term;
          magnitudes[to] += std::abs(term);
        }
      }
    }
  }
  Case<Deconv2dProblem> c;
  c.name = graph::attributes(op) + " of " + to_string(x_dims) + " to " + to_string(y_dims);
  c.problem = make_deconv2d_problem(call);
  c.any_threads = true;
  c.inputs = {x};
  c.constants = {{DType::kF32, w_dims, w.data()},
                 bias ? TensorView{DType::kF32, {y_dims[3]}, b.data()} : TensorView{}};
  const std::int64_t terms = x_dims[3] / op.groups * op.kernel_h * op.kernel_w;
  for (std::size_t at = 0; at < count; ++at) {
    c.expected.push_back(test::activate(op.activation, sums[at]));
    c.tolerance.push_back(test::activation_tolerance(
        op.activation, test::sum_tolerance(terms, magnitudes[at]), c.expected.back()));
  }
  test::check_case(deconv2d_kernels(), c, ran);
}

TEST(Deconv2d, EveryKernelAgreesWithDoublePrecision) {
  test::Ran ran;
  const Deconv2d kernels[] = {
      {.kernel_h = 2, .kernel_w = 2, .stride = 2},
      {.kernel_h = 4, .kernel_w = 4, .stride = 2, .padding = 1},
      {.kernel_h = 3, .kernel_w = 3, .padding = 2},
      {.kernel_h = 3, .kernel_w = 2, .stride = {3, 2}, .output_padding = {2, 1}},
      {.kernel_h = 3, .kernel_w = 3, .stride = 2, .padding = {1, 0, 2, 1}, .output_padding = 1},
      {.kernel_h = 2, .kernel_w = 3, .stride = {1, 4}, .padding = {0, 1, 1, 0}, .dilation = {3, 2}},
      {.kernel_h = 1, .kernel_w = 1, .stride = 3},  // gaps that hold the bias alone
  };
  for (Deconv2d op : kernels) {
    for (const std::int64_t groups : {1, 2, 6}) {
      for (const std::int64_t group_filters : {1, 5, 70}) {
        op.groups = groups;
        op.activation = static_cast<Activation>((groups + group_filters) % 4);
        check_deconv(op, {2, 4, 5, 6}, group_filters, group_filters != 5, ran);
        if (::testing::Test::HasFailure()) return;
      }
    }
    check_deconv(op, {0, 4, 5, 6}, 3, true, ran);
  }
  test::expect_all_ran(deconv2d_kernels(), {}, ran);
}

TEST(Deconv2d, WeightsAreConstants) {
  Call call = make_call({.kernel_h = 3, .kernel_w = 3}, {1, 4, 5, 6}, {6, 2, 3, 3}, true);
  EXPECT_EQ(make_deconv2d_problem(call).filters, 2);
  call.inputs[1].constant = false;
  EXPECT_THROW(make_deconv2d_problem(call), Error);
}

}  // namespace
}  // namespace lasso::kernels
