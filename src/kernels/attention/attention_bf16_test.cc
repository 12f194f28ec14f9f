// Window attention in bfloat16 on the CPU: every kernel against the definition in double precision,
// on the values that bfloat16 numbers stand for, at addresses that are multiples of two alone.
//
// The bounds of half_tolerance() hold for the worst signs. Taken together the errors are no more
// than those of a few independent roundings: |y - exact| <= 2 u |exact| in the norm of the whole
// result.
#include <gtest/gtest.h>

#include <cstring>

#include "core/aligned_buffer.h"
#include "core/threads.h"
#include "kernels/attention/attention_test_data.h"
#include "kernels/attention/attention_test_rows.h"

namespace lasso::kernels::attention_test {
namespace {

using Halves = std::vector<std::uint16_t>;
constexpr double kRounding = 0x1p-8;

Halves to_bf16(const Floats& values) {
  Halves halves;
  halves.reserve(values.size());
  for (const float v : values) halves.push_back(f32_to_bf16(v));
  return halves;
}

// The result's bits. The workspace has NaNs, and guards around it and the output.
Halves run_kernel(const Kernel<WindowAttentionProblem>& kernel, const WindowAttentionProblem& p,
                  const WindowInputs& in, int threads) {
  const ThreadLimit limit(threads);
  const TargetInfo target = backend::test_target(threads);
  const Offer offer = ask(kernel, p, target);
  constexpr std::size_t kGuard = 256;
  const std::size_t workspace = align_up(offer.workspace_bytes);
  AlignedBuffer memory(workspace + 2 * kGuard);
  std::memset(memory.data(), 0xFF, memory.size());
  // At odd multiples of two bytes, as a caller's tensor may lie.
  Halves qkv = to_bf16(in.qkv);
  qkv.insert(qkv.begin(), 0);
  const auto count = static_cast<std::size_t>(p.batch * p.height * p.width * p.heads * p.head_dim);
  constexpr std::size_t kMargin = 65;
  constexpr std::uint16_t kMark = 0x4321;
  Halves out(count + 2 * kMargin, kMark);
  std::fill_n(out.begin() + kMargin, count, std::uint16_t{0x7FFF});
  const void* inputs[] = {qkv.data() + 1, in.rel_h.data(), in.rel_w.data(),
                          p.has_pad ? in.pad.data() : nullptr};
  void* outputs[] = {out.data() + kMargin};
  const auto state = kernel.create(p, target, offer);
  kernel.run(*state, {inputs, outputs, nullptr, memory.data() + kGuard});
  const auto marked = [](std::uint16_t v) { return v == kMark; };
  EXPECT_TRUE(std::all_of(out.begin(), out.begin() + kMargin, marked));
  EXPECT_TRUE(std::all_of(out.end() - kMargin, out.end(), marked));
  const auto untouched = [](std::byte b) { return b == std::byte{0xFF}; };
  EXPECT_TRUE(std::all_of(memory.data(), memory.data() + kGuard, untouched));
  EXPECT_TRUE(
      std::all_of(memory.data() + kGuard + workspace, memory.data() + memory.size(), untouched));
  return {out.begin() + kMargin, out.end() - kMargin};
}

void check(WindowCase c) {
  SCOPED_TRACE(describe(c));
  WindowAttentionProblem& p = c.problem;
  p.dtype = DType::kBF16;
  WindowInputs in(c);
  for (float& v : in.qkv) v = bf16_to_f32(f32_to_bf16(v));
  const std::vector<double> expected = naive_window(p, in);
  const double tolerance = in.tolerance + half_tolerance(p, in, kRounding);
  for (const auto& kernel : window_attention_test_rows()) {
    if (!ask(kernel, p, backend::test_target(2))) continue;
    SCOPED_TRACE(kernel.name);
    const Halves one = run_kernel(kernel, p, in, 1);
    ASSERT_EQ(one.size(), expected.size());
    double error_squares = 0;
    double squares = 0;
    for (std::size_t i = 0; i < one.size(); ++i) {
      const double error = bf16_to_f32(one[i]) - expected[i];
      error_squares += error * error;
      squares += expected[i] * expected[i];
      ASSERT_LE(std::abs(bf16_to_f32(one[i]) - expected[i]),  // NaN fails
                tolerance + kRounding * std::abs(expected[i]))
          << "element " << i << ": " << bf16_to_f32(one[i]) << " instead of " << expected[i];
    }
    EXPECT_LE(std::sqrt(error_squares), 2 * kRounding * std::sqrt(squares));
    EXPECT_EQ(one, run_kernel(kernel, p, in, 2)) << "two threads gave other bits";
  }
}

TEST(WindowAttentionBf16, EveryKernel) {
  for (const WindowCase& c : window_cases()) {
    check(c);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

// Several tiles of queries that share packed keys.
TEST(WindowAttentionBf16, SharedKeys) {
  check({{1, 24, 41, 2, 64, 0, 0.125F, true, false}, Pattern::kNormal});
  check({{1, 17, 23, 1, 33, 0, 0.125F, true, false}, Pattern::kRising});
}

// Sides whose product would overflow, and workspaces with it.
TEST(WindowAttentionBf16, HugeWindowsAreRefused) {
  for (const std::int64_t window :
       {std::int64_t{1} << 31, std::int64_t{1} << 62, (std::int64_t{1} << 62) + 64}) {
    WindowAttentionProblem p{1, 4, 4, 1, 16, window, 0.25F, false, false};
    p.dtype = DType::kBF16;
    for (const auto& kernel : window_attention_test_rows()) {
      EXPECT_FALSE(ask(kernel, p, backend::test_target(2))) << kernel.label();
    }
  }
}

// By instructions for bfloat16 where they are faster, and in float32 where they are not.
TEST(WindowAttentionBf16, CostsFollowTheRates) {
  WindowAttentionProblem p{1, 64, 64, 12, 64, 14, 0.125F, true, true};
  p.dtype = DType::kBF16;
  TargetInfo target = backend::test_target(2);
  if (!target.features.has(CpuFeature::kAvx512Bf16)) GTEST_SKIP() << "no AVX-512 BF16";
  const auto cost = [&](std::string_view name) {
    for (const auto& kernel : window_attention_test_rows()) {
      if (kernel.name == name) return ask(kernel, p, target).cost;
    }
    return 0.0;
  };
  EXPECT_LT(cost("streaming_avx512_bf16"), cost("widened_avx512"));
  target.rates.set_exponent(MultiplyAdd::kBf16Avx512, 0);
  EXPECT_GT(cost("streaming_avx512_bf16"), cost("widened_avx512"));
}

}  // namespace
}  // namespace lasso::kernels::attention_test
