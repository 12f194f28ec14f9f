// Every kernel of the lists against the reference, and the reference against the definition in
// double precision with windows cut out and filled up one by one.
//
// Tolerance. A dot product of random signs and length d has an error of about eps |a| |b| / 3, so a
// score's error is below eps G with G = scale |q| max|k| + |q| max|Rh| + |q| max|Rw|; subtracting
// the maximum rounds once more at that magnitude. softmax(s + ds) v moves by at most 2 max|ds|
// max|v|; exponentials are good to 2 eps, and a sum of N products to about eps sqrt(N). Twice all
// that for two results that both err:
//   |difference| <= eps (8 G + 16 + 2 sqrt N) max|v|.
#include "kernels/attention/attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "core/aligned_buffer.h"
#include "core/threads.h"
#include "kernels/attention/attention_test_data.h"
#include "lasso/error.h"

namespace lasso::kernels::attention_test {
namespace {

// Copies at an address that is a multiple of 4 and of no more, as a caller's tensor may lie.
class Unaligned {
 public:
  explicit Unaligned(const Floats& values) : storage_(values.size() + 2) {
    offset_ = reinterpret_cast<std::uintptr_t>(storage_.data()) % 8 == 0 ? 1 : 0;
    std::copy(values.begin(), values.end(), storage_.begin() + offset_);
  }
  const float* data() const { return storage_.data() + offset_; }

 private:
  Floats storage_;
  std::ptrdiff_t offset_ = 0;
};

// Runs the kernel with NaN in the output and guards around output and workspace, which must stay.
template <typename Problem>
Floats run_kernel(const Kernel<Problem>& kernel, const Problem& problem,
                  const std::vector<const float*>& inputs, std::int64_t outputs, int threads) {
  ThreadLimit limit(threads);
  const TargetInfo target = backend::test_target(threads);
  const Offer plan = ask(kernel, problem, target);
  if (!kernel.is_reference()) {
    // What one thread more needs is a thread's scratch.
    const Offer wider = ask(kernel, problem, backend::test_target(threads + 1));
    EXPECT_LT(wider.workspace_bytes - plan.workspace_bytes, kMaxAttentionScratchBytes);
  }
  constexpr std::size_t kGuard = 256;
  AlignedBuffer memory(align_up(plan.workspace_bytes) + 2 * kGuard);
  std::memset(memory.data(), 0xFF, memory.size());  // NaN
  constexpr std::size_t kMargin = 32;
  constexpr float kMark = 12345.0F;
  Floats out(static_cast<std::size_t>(outputs) + 2 * kMargin + 1, kMark);
  float* result = out.data() + kMargin + 1;
  std::fill(result, result + outputs, std::numeric_limits<float>::quiet_NaN());

  std::vector<const void*> in(inputs.begin(), inputs.end());
  void* out_pointer = result;
  const auto state = kernel.create(problem, target, plan);
  kernel.run(*state, {in, {&out_pointer, 1}, nullptr, memory.data() + kGuard});

  const auto untouched = [](std::byte b) { return b == std::byte{0xFF}; };
  EXPECT_TRUE(std::all_of(memory.data(), memory.data() + kGuard, untouched));
  EXPECT_TRUE(std::all_of(memory.data() + kGuard + align_up(plan.workspace_bytes),
                          memory.data() + memory.size(), untouched));
  const auto marked = [](float v) { return v == kMark; };
  EXPECT_TRUE(std::all_of(out.data(), result, marked));
  EXPECT_TRUE(std::all_of(result + outputs, out.data() + out.size(), marked));
  return {result, result + outputs};
}

template <typename A>
void expect_close(const Floats& actual, const A& expected, double tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  double worst = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    ASSERT_TRUE(std::isfinite(actual[i])) << "element " << i;
    worst = std::max(worst, std::fabs(double{actual[i]} - double{expected[i]}));
  }
  EXPECT_LE(worst, tolerance);
}

// ---- WindowAttention

void check_window(const WindowCase& c, bool against_definition) {
  SCOPED_TRACE(describe(c));
  const WindowAttentionProblem& p = c.problem;
  const WindowInputs in(c);
  const Unaligned qkv(in.qkv), rel_h(in.rel_h), rel_w(in.rel_w), pad(in.pad);
  const std::vector<const float*> inputs = {qkv.data(), p.has_rel ? rel_h.data() : nullptr,
                                            p.has_rel ? rel_w.data() : nullptr,
                                            p.has_pad ? pad.data() : nullptr};
  const std::int64_t outputs = p.batch * p.height * p.width * p.heads * p.head_dim;
  const auto kernels = usable(window_attention_kernels());
  ASSERT_TRUE(kernels.back().is_reference());
  const Floats reference = run_kernel(kernels.back(), p, inputs, outputs, 2);
  if (against_definition) expect_close(reference, naive_window(p, in), in.tolerance);
  int fast = 0;
  for (const auto& kernel : kernels) {
    SCOPED_TRACE(kernel.name);
    // Those for bfloat16 are tested beside this.
    if (kernel.is_reference() || !ask(kernel, p, backend::test_target(2))) continue;
    ++fast;
    const Floats one = run_kernel(kernel, p, inputs, outputs, 1);
    expect_close(one, reference, in.tolerance);
    const Floats two = run_kernel(kernel, p, inputs, outputs, 2);
    EXPECT_EQ(std::memcmp(one.data(), two.data(), one.size() * sizeof(float)), 0);
  }
  EXPECT_GT(fast, 0);
}

TEST(WindowAttention, EveryKernel) {
  for (const WindowCase& c : window_cases()) check_window(c, true);
}

TEST(WindowAttention, EncoderGrids) {
  for (const std::int64_t window : {0, 14}) {
    check_window({{1, 64, 64, 1, 64, window, 0.125F, true, window > 0}, Pattern::kNormal}, false);
  }
}

// ---- Attention

struct PlainCase {
  AttentionProblem problem;
  Pattern pattern = Pattern::kNormal;
};

void check_plain(const PlainCase& c) {
  const AttentionProblem& p = c.problem;
  SCOPED_TRACE("batch " + std::to_string(p.batch) + " queries " + std::to_string(p.queries) +
               " keys " + std::to_string(p.keys) + " heads " + std::to_string(p.heads) + " d " +
               std::to_string(p.head_dim) + " pattern " +
               std::to_string(static_cast<int>(c.pattern)));
  const std::int64_t d = p.head_dim;
  const std::int64_t channels = p.heads * d;
  Random random;
  Floats q = random.normal(p.q_batch * p.queries * channels, 1.0F);
  Floats k = random.normal(p.k_batch * p.keys * channels, 1.0F);
  const Floats v = random.normal(p.v_batch * p.keys * channels, 1.0F);
  Floats none(static_cast<std::size_t>(d));
  const auto change = [&](Floats& values, bool queries) {
    for (std::size_t i = 0; i < values.size(); i += static_cast<std::size_t>(d)) {
      const float place = static_cast<float>(i) / static_cast<float>(values.size());
      float* x = values.data() + i;
      apply_pattern(c.pattern, place, queries ? x : none.data(), queries ? none.data() : x, d);
    }
  };
  change(q, true);
  change(k, false);
  const double g = double{p.scale} * max_norm(q, 0, d, d) * max_norm(k, 0, d, d);
  const double tolerance =
      kEps * (8 * g + 16 + 2 * std::sqrt(static_cast<double>(p.keys))) * max_abs(v);

  const Unaligned uq(q), uk(k), uv(v);
  const std::vector<const float*> inputs = {uq.data(), uk.data(), uv.data()};
  const std::int64_t outputs = p.batch * p.queries * channels;
  const auto kernels = usable(attention_kernels());
  const Floats reference = run_kernel(kernels.back(), p, inputs, outputs, 2);
  expect_close(reference, naive_attention(p, q, k, v), tolerance);
  for (const auto& kernel : kernels) {
    SCOPED_TRACE(kernel.name);
    if (kernel.is_reference()) continue;
    ASSERT_TRUE(ask(kernel, p, backend::test_target(2)));
    const Floats one = run_kernel(kernel, p, inputs, outputs, 1);
    expect_close(one, reference, tolerance);
    const Floats two = run_kernel(kernel, p, inputs, outputs, 2);
    EXPECT_EQ(std::memcmp(one.data(), two.data(), one.size() * sizeof(float)), 0);
  }
}

TEST(Attention, EveryKernel) {
  const auto make = [](std::int64_t q_batch, std::int64_t kv_batch, std::int64_t m, std::int64_t n,
                       std::int64_t heads, std::int64_t d, Pattern pattern = Pattern::kNormal) {
    const float scale = 1.0F / std::sqrt(static_cast<float>(d));
    const std::int64_t batch = std::max(q_batch, kv_batch);
    return PlainCase{{batch, q_batch, kv_batch, kv_batch, m, n, heads, d, scale}, pattern};
  };
  std::vector<PlainCase> cases = {
      make(1, 1, 7, 4096, 8, 16), make(1, 1, 4096, 7, 8, 16),  make(1, 1, 7, 7, 8, 32),
      make(3, 1, 9, 300, 2, 16),  make(1, 3, 100, 9, 2, 16),   make(2, 2, 33, 65, 2, 32),
      make(1, 1, 1, 1, 1, 8),     make(1, 1, 1, 1000, 1, 64),  make(1, 1, 1000, 1, 1, 64),
      make(4, 4, 1, 3, 8, 32),    make(1, 1, 197, 193, 3, 40),
  };
  for (const std::int64_t d : {8, 16, 20, 32, 64, 72, 80, 96, 128, 9, 37, 127}) {
    cases.push_back(make(1, 1, 53, 71, 2, d));
  }
  for (const Pattern pattern :
       {Pattern::kLarge, Pattern::kNegative, Pattern::kRising, Pattern::kFalling}) {
    cases.push_back(make(1, 1, 50, 500, 2, 32, pattern));
    cases.push_back(make(1, 1, 500, 9, 2, 16, pattern));
  }
  for (const PlainCase& c : cases) check_plain(c);
}

// A batch of v alone that broadcasts, and one of q and k.
TEST(Attention, BatchesBroadcastOneByOne) {
  check_plain({{2, 2, 2, 1, 20, 30, 2, 16, 0.25F}, Pattern::kNormal});
  check_plain({{2, 1, 1, 2, 20, 30, 2, 16, 0.25F}, Pattern::kNormal});
}

// ---- Families

TEST(Families, ReadTheProblemOffTheCall) {
  Call call;
  call.op = graph::WindowAttention{2, 7, 0.25F};
  call.inputs = {{true, DType::kF32, {1, 9, 10, 96}, false},
                 {true, DType::kF32, {13, 16}, true},
                 {true, DType::kF32, {13, 16}, true},
                 {false, DType::kF32, {}, false}};
  call.outputs = {{true, DType::kF32, {1, 9, 10, 32}, false}};
  const Family& family = window_attention_family();
  const TargetInfo target = backend::test_target(2);
  EXPECT_TRUE(family.is_reference(family.size() - 1));
  // The names of the fast rows that take the call.
  const auto taken = [&] {
    std::vector<std::string> names;
    for (std::size_t i = 0; i + 1 < family.size(); ++i) {
      const Offer offer = family.ask(i, call, target);
      EXPECT_EQ(static_cast<bool>(offer), offer.reason.empty());
      if (offer) names.emplace_back(family.kernel_name(i));
    }
    EXPECT_TRUE(family.ask(family.size() - 1, call, target));
    return names;
  };
  const std::vector<std::string> float32 = taken();
  EXPECT_EQ(float32.back(), "streaming_avx2");
  call.inputs[0].dtype = DType::kBF16;
  call.outputs[0].dtype = DType::kBF16;
  const std::vector<std::string> bfloat16 = taken();
  EXPECT_EQ(bfloat16.back(), "widened_avx2");
  for (const std::string& name : float32) {
    EXPECT_EQ(std::count(bfloat16.begin(), bfloat16.end(), name), 0) << name;
  }
  call.outputs[0].dtype = DType::kF32;
  EXPECT_THROW(family.ask(family.size() - 1, call, target), Error);
}

TEST(Families, FastKernelsSayWhatTheyCannotDo) {
  for (const auto& kernel : attention_kernels()) {
    AttentionProblem p{1, 1, 1, 1, 4, 4, 1, 256, 1.0F};
    EXPECT_EQ(static_cast<bool>(ask(kernel, p, backend::test_target(1))), kernel.is_reference());
  }
}

}  // namespace
}  // namespace lasso::kernels::attention_test
