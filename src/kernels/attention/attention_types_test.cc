// Both families in every type, by every kernel that takes it: against the definition in double
// precision, on the values that the inputs' numbers stand for. The tolerances are those of
// attention_test.cc and attention_test_data.h.
#include <cmath>
#include <string>
#include <vector>

#include "kernels/attention/attention_test_data.h"
#include "kernels/attention/attention_test_rows.h"
#include "kernels/kernel_test.h"

namespace lasso::kernels::attention_test {
namespace {

constexpr DType kTypes[] = {DType::kF32, DType::kBF16, DType::kF16};

// Adds an input in the type.
template <typename Problem>
void add_input(test::Case<Problem>& c, DType dtype, const Floats& values) {
  if (dtype != DType::kF32) {
    c.byte_inputs[c.inputs.size()] = test::bytes_of(test::to_half(dtype, values));
  }
  c.inputs.push_back(dtype == DType::kF32 ? values : Floats{});
}

template <typename Problem>
void check(const std::vector<Kernel<Problem>>& list, test::Case<Problem>& c, double tolerance,
           test::Ran& ran) {
  c.output = c.problem.dtype;
  c.any_threads = true;
  c.tolerance.assign(c.expected.size(), tolerance);
  test::check_case(list, c, ran);
}

void check_window(WindowCase window, DType dtype, test::Ran& ran) {
  WindowAttentionProblem& p = window.problem;
  p.dtype = dtype;
  WindowInputs in(window);
  test::Case<WindowAttentionProblem> c;
  c.name = describe(window) + " " + std::string(to_string(dtype));
  c.problem = p;
  add_input(c, dtype, in.qkv);
  c.inputs.push_back(p.has_rel ? in.rel_h : Floats{});
  c.inputs.push_back(p.has_rel ? in.rel_w : Floats{});
  c.inputs.push_back(p.has_pad ? in.pad : Floats{});
  double tolerance = in.tolerance;
  if (dtype != DType::kF32) {
    in.qkv = test::rounded_to_half(dtype, in.qkv);
    tolerance += half_tolerance(p, in, test::half_rounding(dtype));
  }
  c.expected = naive_window(p, in);
  check(window_attention_test_rows(), c, tolerance, ran);
}

// The sizes of attention_test_data.h, which has too many of them to run all in each type.
TEST(AttentionTypes, WindowAttention) {
  test::Ran ran;
  std::size_t i = 0;
  for (const WindowCase& window : window_cases()) {
    for (const DType dtype : kTypes) {
      if (i++ % 4 != 0) continue;
      check_window(window, dtype, ran);
      if (::testing::Test::HasFailure()) return;
    }
  }
  for (const DType dtype : kTypes) {
    // As in SAM: widths of heads of 64 and 80, windows of 14 that leave the grid, and none.
    for (const std::int64_t d : {64, 80}) {
      check_window({{2, 16, 17, 2, d, 14, 0.125F, true, true}}, dtype, ran);
      check_window({{2, 19, 19, 1, d, 0, 0.125F, true, false}}, dtype, ran);
    }
    WindowAttentionProblem p{1, 14, 14, 1, 64, 0, 0.125F, true, false};
    p.dtype = dtype;
    test::expect_all_ran(window_attention_test_rows(), p, ran);
  }
}

void check_plain(AttentionProblem p, DType dtype, test::Ran& ran) {
  p.dtype = dtype;
  const std::int64_t d = p.head_dim;
  const std::int64_t channels = p.heads * d;
  Random random;
  Floats q = random.normal(p.q_batch * p.queries * channels, 1.0F);
  Floats k = random.normal(p.k_batch * p.keys * channels, 1.0F);
  Floats v = random.normal(p.v_batch * p.keys * channels, 1.0F);
  test::Case<AttentionProblem> c;
  c.name = "batch " + std::to_string(p.batch) + " queries " + std::to_string(p.queries) + " keys " +
           std::to_string(p.keys) + " heads " + std::to_string(p.heads) + " d " +
           std::to_string(d) + " " + std::string(to_string(dtype));
  c.problem = p;
  for (Floats* values : {&q, &k, &v}) {
    add_input(c, dtype, *values);
    if (dtype != DType::kF32) *values = test::rounded_to_half(dtype, *values);
  }
  c.expected = naive_attention(p, q, k, v);
  const double g = double{p.scale} * max_norm(q, 0, d, d) * max_norm(k, 0, d, d);
  double tolerance = kEps * (8 * g + 16 + 2 * std::sqrt(static_cast<double>(p.keys)));
  if (dtype != DType::kF32) tolerance += test::half_rounding(dtype) + 2e-4;
  check(attention_kernels(), c, tolerance * max_abs(v), ran);
}

TEST(AttentionTypes, Attention) {
  test::Ran ran;
  const auto problem = [](std::int64_t q_batch, std::int64_t kv_batch, std::int64_t queries,
                          std::int64_t keys, std::int64_t heads, std::int64_t d) {
    return AttentionProblem{std::max(q_batch, kv_batch),
                            q_batch,
                            kv_batch,
                            kv_batch,
                            queries,
                            keys,
                            heads,
                            d,
                            1.0F / std::sqrt(static_cast<float>(d))};
  };
  for (const DType dtype : kTypes) {
    // As in SAM's decoder, with the image's tokens of one image and of several.
    check_plain(problem(1, 1, 7, 4096, 8, 16), dtype, ran);
    check_plain(problem(1, 1, 4096, 7, 8, 16), dtype, ran);
    check_plain(problem(1, 1, 7, 7, 8, 32), dtype, ran);
    check_plain(problem(3, 1, 9, 300, 2, 16), dtype, ran);
    check_plain(problem(1, 3, 100, 9, 2, 16), dtype, ran);
    check_plain(problem(2, 2, 33, 65, 2, 32), dtype, ran);
    check_plain({2, 2, 2, 1, 20, 30, 2, 16, 0.25F}, dtype, ran);
    check_plain({2, 1, 1, 2, 20, 30, 2, 16, 0.25F}, dtype, ran);
    check_plain(problem(1, 1, 1, 1000, 1, 64), dtype, ran);
    check_plain(problem(1, 1, 1000, 1, 1, 64), dtype, ran);
    for (const std::int64_t d : {8, 20, 37, 80, 128}) {
      check_plain(problem(1, 1, 53, 71, 2, d), dtype, ran);
    }
    AttentionProblem p = problem(1, 1, 7, 7, 8, 32);
    p.dtype = dtype;
    test::expect_all_ran(attention_kernels(), p, ran);
  }
}

}  // namespace
}  // namespace lasso::kernels::attention_test
