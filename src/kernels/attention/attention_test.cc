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
#include <random>
#include <string>
#include <vector>

#include "core/aligned_buffer.h"
#include "core/threads.h"

namespace lasso::kernels {
namespace {

constexpr float kEps = std::numeric_limits<float>::epsilon();

// What the scores look like from key to key.
enum class Pattern { kNormal, kLarge, kNegative, kRising, kFalling };

using Floats = std::vector<float>;

struct Random {
  std::mt19937 engine{20240607};
  Floats normal(std::int64_t n, float sigma) {
    std::normal_distribution<float> distribution(0.0F, sigma);
    Floats values(static_cast<std::size_t>(n));
    for (float& v : values) v = distribution(engine);
    return values;
  }
};

// Changes q and k of a token so that the scores follow the pattern; `t` in [0, 1) is the key's
// place.
void apply_pattern(Pattern pattern, float t, float* q, float* k, std::int64_t d) {
  for (std::int64_t i = 0; i < d; ++i) {
    switch (pattern) {
      case Pattern::kNormal:
        break;
      case Pattern::kLarge:
        q[i] *= 30.0F;
        k[i] *= 30.0F;
        break;
      case Pattern::kNegative:
        q[i] = 2.0F + 0.1F * q[i];
        k[i] = -60.0F + k[i];
        break;
      case Pattern::kRising:
      case Pattern::kFalling:
        q[i] = 1.0F + 0.1F * q[i];
        k[i] = (pattern == Pattern::kRising ? t : 1 - t) * 100.0F + 0.1F * k[i];
        break;
    }
  }
}

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
  const Target target{usable_isa(), threads};
  const KernelPlan plan = kernel.plan(problem, target);
  if (kernel.isa != Isa::kReference) {
    // What one thread more needs is a thread's scratch.
    const KernelPlan wider = kernel.plan(problem, {usable_isa(), threads + 1});
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
  const auto state = kernel.create(problem, target);
  kernel.run(*state, {in.data(), &out_pointer, nullptr, memory.data() + kGuard});

  const auto untouched = [](std::byte b) { return b == std::byte{0xFF}; };
  EXPECT_TRUE(std::all_of(memory.data(), memory.data() + kGuard, untouched));
  EXPECT_TRUE(std::all_of(memory.data() + kGuard + align_up(plan.workspace_bytes),
                          memory.data() + memory.size(), untouched));
  const auto marked = [](float v) { return v == kMark; };
  EXPECT_TRUE(std::all_of(out.data(), result, marked));
  EXPECT_TRUE(std::all_of(result + outputs, out.data() + out.size(), marked));
  return {result, result + outputs};
}

template <typename Problem>
std::vector<Kernel<Problem>> usable(const std::vector<Kernel<Problem>>& list) {
  std::vector<Kernel<Problem>> kernels;
  for (const auto& kernel : list) {
    if (kernel.isa <= usable_isa()) kernels.push_back(kernel);
  }
  return kernels;
}

double max_norm(const Floats& values, std::int64_t first, std::int64_t stride, std::int64_t d) {
  double best = 0;
  for (std::size_t i = static_cast<std::size_t>(first);
       i + static_cast<std::size_t>(d) <= values.size(); i += static_cast<std::size_t>(stride)) {
    double sum = 0;
    for (std::int64_t j = 0; j < d; ++j) sum += double{values[i + j]} * values[i + j];
    best = std::max(best, std::sqrt(sum));
  }
  return best;
}

double max_abs(const Floats& values) {
  double best = 0;
  for (const float v : values) best = std::max(best, std::fabs(double{v}));
  return best;
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

// One query's softmax(scores) v in double precision.
void attend(std::vector<double>& scores, const std::vector<const float*>& values, double* out,
            std::int64_t d) {
  const double max = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (double& s : scores) sum += s = std::exp(s - max);
  for (std::int64_t i = 0; i < d; ++i) {
    out[i] = 0;
    for (std::size_t n = 0; n < scores.size(); ++n)
      out[i] += scores[n] / sum * double{values[n][i]};
  }
}

double exact_dot(const float* a, const float* b, std::int64_t d) {
  double sum = 0;
  for (std::int64_t i = 0; i < d; ++i) sum += double{a[i]} * double{b[i]};
  return sum;
}

// ---- WindowAttention

struct WindowCase {
  WindowAttentionProblem problem;
  Pattern pattern = Pattern::kNormal;
};

struct WindowInputs {
  Floats qkv, rel_h, rel_w, pad;
  double tolerance = 0;

  explicit WindowInputs(const WindowCase& c) {
    const WindowAttentionProblem& p = c.problem;
    Random random;
    const std::int64_t side_h = p.window > 0 ? p.window : p.height;
    const std::int64_t side_w = p.window > 0 ? p.window : p.width;
    const std::int64_t d = p.head_dim;
    const std::int64_t channels = p.heads * d;
    const std::int64_t tokens = p.batch * p.height * p.width;
    qkv = random.normal(tokens * 3 * channels, 1.0F);
    if (p.has_rel) {
      rel_h = random.normal((2 * side_h - 1) * d, 0.2F);
      rel_w = random.normal((2 * side_w - 1) * d, 0.2F);
    }
    if (p.has_pad) pad = random.normal(3 * channels, 1.0F);
    for (std::int64_t i = 0; i < tokens; ++i) {
      for (std::int64_t head = 0; head < p.heads; ++head) {
        float* q = qkv.data() + i * 3 * channels + head * d;
        const float place = static_cast<float>(i) / static_cast<float>(tokens);
        apply_pattern(c.pattern, place, q, q + channels, d);
      }
    }
    double q_norm = 0;
    double k_norm = max_norm(pad, channels, d, d);
    for (std::int64_t head = 0; head < p.heads; ++head) {
      q_norm = std::max(q_norm, max_norm(qkv, head * d, 3 * channels, d));
      k_norm = std::max(k_norm, max_norm(qkv, channels + head * d, 3 * channels, d));
    }
    const double g =
        q_norm * (double{p.scale} * k_norm + max_norm(rel_h, 0, d, d) + max_norm(rel_w, 0, d, d));
    double v_max = max_abs(pad);
    for (std::int64_t i = 0; i < tokens; ++i) {
      for (std::int64_t j = 0; j < channels; ++j) {
        v_max = std::max(v_max, std::fabs(double{qkv[i * 3 * channels + 2 * channels + j]}));
      }
    }
    const double n = static_cast<double>(side_h * side_w);
    tolerance = kEps * (8 * g + 16 + 2 * std::sqrt(n)) * v_max;
  }
};

// Meta's order of work: pad the grid, cut it into windows, attend in each, put the windows back,
// crop.
std::vector<double> naive_window(const WindowAttentionProblem& p, const WindowInputs& in) {
  const std::int64_t side_h = p.window > 0 ? p.window : p.height;
  const std::int64_t side_w = p.window > 0 ? p.window : p.width;
  const std::int64_t d = p.head_dim;
  const std::int64_t channels = p.heads * d;
  const Floats zeros(static_cast<std::size_t>(3 * channels), 0.0F);
  std::vector<double> out(static_cast<std::size_t>(p.batch * p.height * p.width * channels));
  for (std::int64_t image = 0; image < p.batch; ++image) {
    for (std::int64_t top = 0; top < p.height; top += side_h) {
      for (std::int64_t left = 0; left < p.width; left += side_w) {
        std::vector<const float*> window;
        for (std::int64_t y = top; y < top + side_h; ++y) {
          for (std::int64_t x = left; x < left + side_w; ++x) {
            const std::int64_t token = (image * p.height + y) * p.width + x;
            const bool inside = y < p.height && x < p.width;
            window.push_back(inside      ? in.qkv.data() + token * 3 * channels
                             : p.has_pad ? in.pad.data()
                                         : zeros.data());
          }
        }
        const auto n = static_cast<std::int64_t>(window.size());
        for (std::int64_t i = 0; i < n; ++i) {
          const std::int64_t y = i / side_w;
          const std::int64_t x = i % side_w;
          if (top + y >= p.height || left + x >= p.width) continue;
          for (std::int64_t head = 0; head < p.heads; ++head) {
            const float* q = window[i] + head * d;
            std::vector<double> scores(window.size());
            std::vector<const float*> values(window.size());
            for (std::int64_t j = 0; j < n; ++j) {
              scores[j] = double{p.scale} * exact_dot(q, window[j] + channels + head * d, d);
              if (p.has_rel) {
                const std::int64_t dy = y - j / side_w + side_h - 1;
                const std::int64_t dx = x - j % side_w + side_w - 1;
                scores[j] += exact_dot(q, in.rel_h.data() + dy * d, d);
                scores[j] += exact_dot(q, in.rel_w.data() + dx * d, d);
              }
              values[j] = window[j] + 2 * channels + head * d;
            }
            const std::int64_t token = (image * p.height + top + y) * p.width + left + x;
            attend(scores, values, out.data() + token * channels + head * d, d);
          }
        }
      }
    }
  }
  return out;
}

std::vector<WindowCase> window_cases() {
  const auto make = [](std::int64_t batch, std::int64_t h, std::int64_t w, std::int64_t heads,
                       std::int64_t d, std::int64_t window, bool rel, bool pad,
                       Pattern pattern = Pattern::kNormal) {
    const float scale = 1.0F / std::sqrt(static_cast<float>(d));
    return WindowCase{{batch, h, w, heads, d, window, scale, rel, pad, true}, pattern};
  };
  std::vector<WindowCase> cases = {
      make(1, 7, 7, 2, 64, 0, true, false),     make(2, 14, 14, 2, 64, 0, true, false),
      make(1, 24, 24, 1, 80, 0, true, false),   make(1, 37, 37, 1, 32, 0, true, false),
      make(1, 14, 14, 2, 64, 14, true, true),   make(1, 24, 24, 2, 64, 14, true, true),
      make(2, 16, 37, 2, 32, 14, true, true),   make(1, 37, 20, 1, 16, 7, true, true),
      make(1, 14, 21, 2, 16, 7, true, false),   make(1, 10, 11, 2, 20, 3, true, true),
      make(1, 9, 5, 1, 8, 1, true, true),       make(1, 5, 5, 1, 8, 2, true, true),
      make(1, 12, 17, 2, 24, 5, false, true),   make(1, 12, 17, 2, 24, 5, false, false),
      make(1, 12, 17, 2, 24, 5, true, false),   make(1, 9, 23, 1, 64, 0, false, false),
      make(1, 9, 23, 1, 64, 0, true, false),    make(1, 3, 50, 1, 16, 0, true, false),
      make(1, 1, 1, 1, 64, 0, true, false),     make(1, 20, 20, 1, 64, 16, true, true),
      make(1, 4, 4, 3, 16, 14, true, true),     make(1, 16, 70, 1, 16, 65, true, true),
      make(1, 14, 14, 12, 64, 14, true, false),
  };
  for (const std::int64_t d : {8, 16, 20, 32, 64, 72, 80, 96, 128, 9, 37, 127}) {
    cases.push_back(make(1, 15, 13, 2, d, 7, true, true));
    cases.push_back(make(1, 13, 13, 1, d, 0, true, false));
  }
  for (const Pattern pattern :
       {Pattern::kLarge, Pattern::kNegative, Pattern::kRising, Pattern::kFalling}) {
    cases.push_back(make(1, 20, 20, 2, 32, 0, true, false, pattern));
    cases.push_back(make(1, 20, 20, 2, 32, 14, true, true, pattern));
    cases.push_back(make(1, 20, 20, 1, 64, 14, false, false, pattern));
  }
  return cases;
}

std::string describe(const WindowCase& c) {
  const WindowAttentionProblem& p = c.problem;
  return std::to_string(p.batch) + "x" + std::to_string(p.height) + "x" + std::to_string(p.width) +
         " heads " + std::to_string(p.heads) + " d " + std::to_string(p.head_dim) + " window " +
         std::to_string(p.window) + (p.has_rel ? " rel" : "") + (p.has_pad ? " pad" : "") +
         " pattern " + std::to_string(static_cast<int>(c.pattern));
}

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
  ASSERT_EQ(kernels.back().isa, Isa::kReference);
  const Floats reference = run_kernel(kernels.back(), p, inputs, outputs, 2);
  if (against_definition) expect_close(reference, naive_window(p, in), in.tolerance);
  for (const auto& kernel : kernels) {
    SCOPED_TRACE(kernel.name);
    if (kernel.isa == Isa::kReference) continue;
    ASSERT_TRUE(kernel.supports(p, {usable_isa(), 2}));
    const Floats one = run_kernel(kernel, p, inputs, outputs, 1);
    expect_close(one, reference, in.tolerance);
    const Floats two = run_kernel(kernel, p, inputs, outputs, 2);
    EXPECT_EQ(std::memcmp(one.data(), two.data(), one.size() * sizeof(float)), 0);
  }
}

TEST(WindowAttention, EveryKernel) {
  for (const WindowCase& c : window_cases()) check_window(c, true);
}

TEST(WindowAttention, EncoderGrids) {
  for (const std::int64_t window : {0, 14}) {
    check_window({{1, 64, 64, 1, 64, window, 0.125F, true, window > 0, true}, Pattern::kNormal},
                 false);
  }
}

// ---- Attention

struct PlainCase {
  AttentionProblem problem;
  Pattern pattern = Pattern::kNormal;
};

std::vector<double> naive_attention(const AttentionProblem& p, const Floats& q, const Floats& k,
                                    const Floats& v) {
  const std::int64_t d = p.head_dim;
  const std::int64_t channels = p.heads * d;
  std::vector<double> out(static_cast<std::size_t>(p.batch * p.queries * channels));
  std::vector<double> scores(static_cast<std::size_t>(p.keys));
  std::vector<const float*> values(static_cast<std::size_t>(p.keys));
  for (std::int64_t b = 0; b < p.batch; ++b) {
    const float* qb = q.data() + (p.q_batch == 1 ? 0 : b) * p.queries * channels;
    const float* kb = k.data() + (p.k_batch == 1 ? 0 : b) * p.keys * channels;
    const float* vb = v.data() + (p.v_batch == 1 ? 0 : b) * p.keys * channels;
    for (std::int64_t m = 0; m < p.queries; ++m) {
      for (std::int64_t head = 0; head < p.heads; ++head) {
        for (std::int64_t n = 0; n < p.keys; ++n) {
          const std::int64_t at = n * channels + head * d;
          scores[n] = double{p.scale} * exact_dot(qb + m * channels + head * d, kb + at, d);
          values[n] = vb + at;
        }
        attend(scores, values, out.data() + (b * p.queries + m) * channels + head * d, d);
      }
    }
  }
  return out;
}

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
    if (kernel.isa == Isa::kReference) continue;
    ASSERT_TRUE(kernel.supports(p, {usable_isa(), 2}));
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
    return PlainCase{{batch, q_batch, kv_batch, kv_batch, m, n, heads, d, scale, true}, pattern};
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
  check_plain({{2, 2, 2, 1, 20, 30, 2, 16, 0.25F, true}, Pattern::kNormal});
  check_plain({{2, 1, 1, 2, 20, 30, 2, 16, 0.25F, true}, Pattern::kNormal});
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
  const Target target{usable_isa(), 2};
  EXPECT_EQ(family.kernel_isa(family.size() - 1), Isa::kReference);
  for (std::size_t i = 0; i < family.size(); ++i) {
    EXPECT_EQ(static_cast<bool>(family.supports(i, call, target)),
              family.kernel_isa(i) <= target.isa);
  }
  call.inputs[0].dtype = DType::kBF16;
  for (std::size_t i = 0; i < family.size(); ++i) {
    EXPECT_FALSE(family.supports(i, call, target));
    EXPECT_FALSE(family.supports(i, call, target).reason().empty());
  }
}

TEST(Families, FastKernelsSayWhatTheyCannotDo) {
  for (const auto& kernel : attention_kernels()) {
    AttentionProblem p{1, 1, 1, 1, 4, 4, 1, 256, 1.0F, true};
    EXPECT_EQ(static_cast<bool>(kernel.supports(p, {usable_isa(), 1})),
              kernel.isa == Isa::kReference);
  }
}

}  // namespace
}  // namespace lasso::kernels
