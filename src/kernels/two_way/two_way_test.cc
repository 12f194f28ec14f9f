#include "kernels/two_way/two_way.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

#include "kernels/kernel_test.h"

namespace lasso::kernels {
namespace {

using test::Case;
using test::sum_tolerance;

// A sum and the sum of its terms' magnitudes, and how far it may be off.
struct Sum {
  double value = 0;
  double magnitude = 0;
  double error = 0;

  void add(double a, double b) {
    value += a * b;
    magnitude += std::abs(a * b);
  }
};

// Rows of (x + p) W^T + b.
std::vector<Sum> project(const std::vector<float>& x, const std::vector<float>& p,
                         std::int64_t rows, const std::vector<float>& w,
                         const std::vector<float>& b, std::int64_t n, std::int64_t k) {
  std::vector<Sum> y(static_cast<std::size_t>(rows * n));
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t i = 0; i < n; ++i) {
      Sum& sum = y[static_cast<std::size_t>(row * n + i)];
      if (!b.empty()) sum.add(b[static_cast<std::size_t>(i)], 1);
      for (std::int64_t j = 0; j < k; ++j) {
        const auto at = static_cast<std::size_t>(row * k + j);
        sum.add(static_cast<double>(x[at]) + (p.empty() ? 0.0F : p[at]),
                w[static_cast<std::size_t>(i * k + j)]);
      }
      sum.error = sum_tolerance(k + 2, sum.magnitude);
    }
  }
  return y;
}

std::vector<Sum> exact(const std::vector<float>& x) {
  std::vector<Sum> y;
  for (const float value : x) y.push_back({value, std::abs(value), 0});
  return y;
}

// softmax(scale q k^T) v for each head. Scores that are off by e make weights that are off by a
// factor up to exp(2 e). What folding adds up in another order has the same magnitudes.
std::vector<Sum> attend(const std::vector<Sum>& q, std::int64_t queries, const std::vector<Sum>& k,
                        const std::vector<Sum>& v, std::int64_t keys, std::int64_t heads,
                        std::int64_t d, double scale) {
  const std::int64_t width = heads * d;
  std::vector<Sum> y(q.size());
  for (std::int64_t row = 0; row < queries; ++row) {
    for (std::int64_t head = 0; head < width; head += d) {
      std::vector<double> weights;
      double error = 0;
      double most = -1e300;
      for (std::int64_t j = 0; j < keys; ++j) {
        Sum score;
        double off = 0;
        for (std::int64_t i = head; i < head + d; ++i) {
          const Sum& a = q[static_cast<std::size_t>(row * width + i)];
          const Sum& b = k[static_cast<std::size_t>(j * width + i)];
          score.add(a.value, b.value);
          score.magnitude += a.magnitude * b.magnitude;
          off += a.error * b.magnitude + b.error * a.magnitude;
        }
        weights.push_back(score.value * scale);
        most = std::max(most, weights.back());
        error = std::max(error, scale * (off + sum_tolerance(d, score.magnitude)));
      }
      double total = 0;
      for (double& weight : weights) total += weight = std::exp(weight - most);
      for (std::int64_t i = head; i < head + d; ++i) {
        Sum& sum = y[static_cast<std::size_t>(row * width + i)];
        for (std::int64_t j = 0; j < keys; ++j) {
          const Sum& value = v[static_cast<std::size_t>(j * width + i)];
          const double weight = weights[static_cast<std::size_t>(j)] / total;
          sum.value += weight * value.value;
          sum.magnitude += weight * value.magnitude;
          sum.error += weight * value.error;
        }
        sum.error += sum_tolerance(keys, sum.magnitude) + (2 * error + 1e-6) * sum.magnitude;
      }
    }
  }
  return y;
}

std::vector<float> part(const std::vector<float>& x, std::int64_t batches, std::int64_t batch) {
  const auto size = static_cast<std::ptrdiff_t>(x.size()) / batches;
  const auto begin = x.begin() + (batches == 1 ? 0 : batch) * size;
  return {begin, begin + size};
}

// Weights as pack() takes them.
class Constants {
 public:
  void add(const std::vector<float>& values, const Dims& dims) {
    if (!values.empty()) tensors_.push_back(make_tensor(dims, values));
    present_.push_back(!values.empty());
  }
  std::vector<TensorView> views() const {
    std::vector<TensorView> views;
    std::size_t next = 0;
    for (const bool present : present_) {
      views.push_back(present ? tensors_[next++].view() : TensorView{});
    }
    return views;
  }

 private:
  std::vector<Tensor> tensors_;
  std::vector<bool> present_;
};

// The only number of a result of one token with one number.
float run_once(const Kernel<TokenToImageProblem>& kernel, const TokenToImageProblem& p,
               const std::vector<TensorView>& constants, const std::vector<float>& q,
               const std::vector<float>& x, const std::vector<float>& positions) {
  const TargetInfo target = test::test_target(1);
  const Offer offer = ask(kernel, p, target);
  const AlignedBuffer packed(offer.packed_bytes);
  const AlignedBuffer workspace(offer.workspace_bytes + 1);
  kernel.pack(p, constants, packed.data());
  const std::vector<const void*> inputs{q.data(), x.data(), positions.data()};
  float y = 0;
  const std::vector<void*> outputs{&y};
  kernel.run(*kernel.create(p, target, offer), {.inputs = inputs,
                                                .outputs = outputs,
                                                .packed = packed.data(),
                                                .workspace = workspace.data()});
  return y;
}

void check(const TokenToImageProblem& p, bool biases, test::Ran& ran,
           const std::function<void(std::vector<float>&)>& change = {}) {
  test::Random random(static_cast<std::uint64_t>(p.tokens * 131 + p.pixels * 7 + p.channels));
  const std::int64_t width = p.width();
  const auto q = random.vector(p.q_batch * p.tokens * width);
  auto x = random.vector(p.x_batch * p.pixels * p.channels);
  if (change) change(x);
  const auto positions = random.vector(p.positions ? p.pixels * p.channels : 0);
  const auto wk = random.vector(width * p.channels);
  const auto bk = random.vector(biases ? width : 0);
  const auto wv = random.vector(width * p.channels);
  const auto bv = random.vector(biases ? width : 0);
  Constants constants;
  constants.add(wk, {width, p.channels});
  constants.add(bk, {width});
  constants.add(wv, {width, p.channels});
  constants.add(bv, {width});
  Case<TokenToImageProblem> c;
  c.name = std::to_string(p.tokens) + " tokens, " + std::to_string(p.pixels) + " pixels of " +
           std::to_string(p.channels);
  c.problem = p;
  c.constants = constants.views();
  c.inputs = {q, x, positions, {}, {}, {}, {}};
  c.any_threads = true;
  for (std::int64_t batch = 0; batch < p.batch; ++batch) {
    const auto own = part(x, p.x_batch, batch);
    for (const Sum& sum : attend(exact(part(q, p.q_batch, batch)), p.tokens,
                                 project(own, positions, p.pixels, wk, bk, width, p.channels),
                                 project(own, {}, p.pixels, wv, bv, width, p.channels), p.pixels,
                                 p.heads, p.head_dim, static_cast<double>(p.scale))) {
      c.expected.push_back(sum.value);
      c.tolerance.push_back(sum.error);
    }
  }
  test::check_case(token_to_image_kernels(), c, ran);
}

void check(const ImageToTokenProblem& p, bool biases, test::Ran& ran) {
  test::Random random(static_cast<std::uint64_t>(p.tokens * 131 + p.pixels * 7 + p.channels));
  const std::int64_t width = p.width();
  const auto x = random.vector(p.x_batch * p.pixels * p.channels);
  const auto positions = random.vector(p.positions ? p.pixels * p.channels : 0);
  const auto k = random.vector(p.k_batch * p.tokens * width);
  const auto v = random.vector(p.v_batch * p.tokens * width);
  const auto r = random.vector(p.residual ? p.r_batch * p.pixels * p.outputs : 0);
  const auto wo = random.vector(p.outputs * width);
  const auto bo = random.vector(biases ? p.outputs : 0);
  const auto wq = random.vector(p.projected ? width * p.channels : 0);
  const auto bq = random.vector(p.projected && biases ? width : 0);
  Constants constants;
  constants.add(wo, {p.outputs, width});
  constants.add(bo, {p.outputs});
  constants.add(wq, {width, p.channels});
  constants.add(bq, {width});
  Case<ImageToTokenProblem> c;
  c.name = std::to_string(p.tokens) + " tokens, " + std::to_string(p.pixels) + " pixels of " +
           std::to_string(p.channels) + " to " + std::to_string(p.outputs);
  c.problem = p;
  c.constants = constants.views();
  c.inputs = {x, positions, k, v, {}, {}, r, {}, {}};
  c.any_threads = true;
  for (std::int64_t batch = 0; batch < p.batch; ++batch) {
    std::vector<float> own = part(x, p.x_batch, batch);
    std::vector<Sum> queries;
    if (p.projected) {
      queries = project(own, positions, p.pixels, wq, bq, width, p.channels);
    } else {
      for (std::size_t i = 0; i < positions.size(); ++i) own[i] += positions[i];
      queries = exact(own);
    }
    const auto attended = attend(queries, p.pixels, exact(part(k, p.k_batch, batch)),
                                 exact(part(v, p.v_batch, batch)), p.tokens, p.heads, p.head_dim,
                                 static_cast<double>(p.scale));
    const auto residual = p.residual ? part(r, p.r_batch, batch) : std::vector<float>();
    for (std::int64_t row = 0; row < p.pixels; ++row) {
      for (std::int64_t n = 0; n < p.outputs; ++n) {
        Sum sum;
        if (!bo.empty()) sum.add(bo[static_cast<std::size_t>(n)], 1);
        for (std::int64_t i = 0; i < width; ++i) {
          const Sum& a = attended[static_cast<std::size_t>(row * width + i)];
          const double w = wo[static_cast<std::size_t>(n * width + i)];
          sum.value += a.value * w;
          sum.magnitude += a.magnitude * std::abs(w);
          sum.error += a.error * std::abs(w);
        }
        if (p.residual) sum.add(residual[static_cast<std::size_t>(row * p.outputs + n)], 1);
        c.expected.push_back(sum.value);
        c.tolerance.push_back(sum.error + sum_tolerance(width + 2, sum.magnitude));
      }
    }
  }
  test::check_case(image_to_token_kernels(), c, ran);
}

void expect_all_ran(const test::Ran& ran) {
  EXPECT_TRUE(ran.contains("reference.reference"));
  EXPECT_TRUE(ran.contains("folded.avx2"));
  if (test::test_features().has(CpuFeature::kAvx512)) {
    EXPECT_TRUE(ran.contains("folded.avx512"));
  }
}

TokenToImageProblem tokens_to(std::int64_t tokens, std::int64_t pixels, std::int64_t channels,
                              std::int64_t heads, std::int64_t head_dim) {
  return {.tokens = tokens,
          .pixels = pixels,
          .channels = channels,
          .heads = heads,
          .head_dim = head_dim,
          .scale = 0.25F};
}

// Few tokens, whose side the projections are folded into, and many, with widths of heads that
// panels of 64 columns do not hold a whole number of.
TEST(TokenToImage, EveryKernelAgreesWithDoublePrecision) {
  test::Ran ran;
  bool biases = false;
  for (const auto& [heads, head_dim] : {std::pair{8, 16}, {2, 4}, {3, 24}, {1, 1}}) {
    for (const std::int64_t tokens : {1, 7, 17, 70}) {
      for (const auto& [pixels, channels] : {std::pair{1, 3}, {63, 64}, {300, 100}}) {
        TokenToImageProblem p = tokens_to(tokens, pixels, channels, heads, head_dim);
        p.positions = biases = !biases;
        check(p, biases, ran);
        if (HasFatalFailure()) return;
      }
    }
  }
  expect_all_ran(ran);
}

// Several chunks of pixels and prompts, of which either side may be one for all.
TEST(TokenToImage, BatchesAndChunks) {
  test::Ran ran;
  for (const auto& [q_batch, x_batch] : {std::pair{3, 3}, {1, 3}, {3, 1}}) {
    for (const std::int64_t tokens : {5, 33}) {
      TokenToImageProblem p = tokens_to(tokens, 557, 32, 4, 8);
      p.batch = 3;
      p.q_batch = q_batch;
      p.x_batch = x_batch;
      p.positions = true;
      check(p, true, ran);
      if (HasFatalFailure()) return;
    }
  }
  expect_all_ran(ran);
}

// Scores that rise from pixel to pixel, within each chunk and over several: all sums of before are
// scaled by almost nothing, also where they are of folded rows.
TEST(TokenToImage, ScoresThatGrow) {
  for (const std::int64_t head_dim : {1, 16}) {
    TokenToImageProblem p = tokens_to(2, 520, 16, 1, head_dim);
    p.scale = 4.0F;
    test::Ran ran;
    check(p, true, ran, [](std::vector<float>& x) {
      for (std::size_t i = 0; i < x.size(); ++i) x[i] = 0.001F * static_cast<float>(i / 16);
    });
    expect_all_ran(ran);
  }
}

// Weights of nothing, in a whole chunk, in its first block or in between, leave the others alone;
// no number makes results that are none.
TEST(TokenToImage, ScoresThatAreNotFinite) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const auto& [begin, end] : {std::pair{0, 64}, {0, 300}, {256, 520}, {100, 101}}) {
    for (const float value : {-kInfinity, std::numeric_limits<float>::quiet_NaN()}) {
      TokenToImageProblem p = tokens_to(1, 520, 1, 1, 1);
      p.scale = 1.0F;
      const std::vector<float> one{1.0F};
      std::vector<float> positions(520);
      std::fill(positions.begin() + begin, positions.begin() + end, value);
      p.positions = true;
      Constants constants;
      constants.add(one, {1, 1});
      constants.add({}, {1});
      constants.add(one, {1, 1});
      constants.add({}, {1});
      for (const Kernel<TokenToImageProblem>& kernel : token_to_image_kernels()) {
        if (!ask(kernel, p, test::test_target(1))) continue;  // AVX-512 on a CPU without
        const float y =
            run_once(kernel, p, constants.views(), one, std::vector<float>(520, 1.0F), positions);
        SCOPED_TRACE(kernel.label() + " from " + std::to_string(begin));
        if (std::isnan(value)) {
          EXPECT_TRUE(std::isnan(y));
        } else {
          EXPECT_NEAR(y, 1.0F, 1e-5F);
        }
      }
    }
  }
}

ImageToTokenProblem pixels_to(std::int64_t tokens, std::int64_t pixels, std::int64_t channels,
                              std::int64_t outputs, std::int64_t heads, std::int64_t head_dim) {
  return {.tokens = tokens,
          .pixels = pixels,
          .channels = channels,
          .outputs = outputs,
          .heads = heads,
          .head_dim = head_dim,
          .scale = 0.25F};
}

TEST(ImageToToken, EveryKernelAgreesWithDoublePrecision) {
  test::Ran ran;
  bool biases = false;
  for (const auto& [heads, head_dim] : {std::pair{8, 16}, {2, 4}, {3, 24}, {1, 1}}) {
    for (const std::int64_t tokens : {1, 7, 17, 70}) {
      for (const auto& [pixels, channels] : {std::pair{1, 3}, {47, 64}, {200, 100}}) {
        for (const bool projected : {true, false}) {
          ImageToTokenProblem p = pixels_to(tokens, pixels, projected ? channels : heads * head_dim,
                                            channels + 1, heads, head_dim);
          p.projected = projected;
          p.positions = p.residual = biases = !biases;
          check(p, biases, ran);
          if (HasFatalFailure()) return;
        }
      }
    }
  }
  expect_all_ran(ran);
}

// Queries, outputs or neither folded, and every side one for all or one for each prompt.
TEST(ImageToToken, Batches) {
  test::Ran ran;
  for (int mask = 1; mask < 16; ++mask) {
    ImageToTokenProblem p =
        pixels_to(mask % 3 == 0 ? 40 : 6, 230, 40, mask % 2 == 0 ? 200 : 24, 4, 8);
    p.batch = 3;
    p.x_batch = (mask & 1) != 0 ? 3 : 1;
    p.k_batch = (mask & 2) != 0 ? 3 : 1;
    p.v_batch = (mask & 4) != 0 ? 3 : 1;
    p.r_batch = (mask & 8) != 0 ? 3 : 1;
    p.projected = p.positions = p.residual = true;
    check(p, true, ran);
    if (HasFatalFailure()) return;
  }
  expect_all_ran(ran);
}

// Such as a changed engine file may have.
TEST(TwoWay, RefusesSizesThatAreNone) {
  EXPECT_EQ(check_problem(tokens_to(7, 4096, 256, 8, 16)), "");
  EXPECT_NE(check_problem(tokens_to(0, 4096, 256, 8, 16)), "");
  EXPECT_NE(check_problem(tokens_to(std::int64_t{1} << 50, 4096, 256, 8, 16)), "");
  EXPECT_NE(check_problem(pixels_to(7, std::int64_t{1} << 60, 256, 256, 8, 16)), "");
  ImageToTokenProblem p = pixels_to(7, 4096, 256, 256, 8, 16);
  p.batch = 3;
  EXPECT_EQ(check_problem(p), "");
  p.v_batch = 2;
  EXPECT_NE(check_problem(p), "");
}

TEST(TwoWay, CountsTheCheaperWay) {
  TokenToImageProblem t = tokens_to(7, 4096, 256, 8, 16);
  EXPECT_EQ(operations(t), 4.0 * 4096 * 56 * 256);
  t.tokens = 40;
  EXPECT_EQ(operations(t), 4.0 * 4096 * 128 * (40 + 256));
}

}  // namespace
}  // namespace lasso::kernels
