// Cases and expected results for the tests of attention.
#ifndef LASSO_KERNELS_ATTENTION_ATTENTION_TEST_DATA_H_
#define LASSO_KERNELS_ATTENTION_ATTENTION_TEST_DATA_H_

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "backend/test_target.h"
#include "core/random.h"
#include "kernels/attention/attention.h"

namespace lasso::kernels::attention_test {

constexpr float kEps = std::numeric_limits<float>::epsilon();

// What the scores look like from key to key.
enum class Pattern { kNormal, kLarge, kNegative, kRising, kFalling };

using Floats = std::vector<float>;

struct Random {
  SplitMix64 generator{20240607};
  Floats normal(std::int64_t n, float sigma) {
    Floats values(static_cast<std::size_t>(n));
    for (float& v : values) v = generator.normal(sigma);
    return values;
  }
};

// Changes q and k of a token so that the scores follow the pattern; `t` in [0, 1) is the key's
// place.
inline void apply_pattern(Pattern pattern, float t, float* q, float* k, std::int64_t d) {
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

template <typename Problem>
std::vector<Kernel<Problem>> usable(const std::vector<Kernel<Problem>>& list) {
  std::vector<Kernel<Problem>> kernels;
  for (const auto& kernel : list) {
    if (missing(kernel.needs, backend::test_target(1)).empty()) kernels.push_back(kernel);
  }
  return kernels;
}

inline double max_norm(const Floats& values, std::int64_t first, std::int64_t stride,
                       std::int64_t d) {
  double best = 0;
  for (std::size_t i = static_cast<std::size_t>(first);
       i + static_cast<std::size_t>(d) <= values.size(); i += static_cast<std::size_t>(stride)) {
    double sum = 0;
    for (std::int64_t j = 0; j < d; ++j) sum += double{values[i + j]} * values[i + j];
    best = std::max(best, std::sqrt(sum));
  }
  return best;
}

inline double max_abs(const Floats& values) {
  double best = 0;
  for (const float v : values) best = std::max(best, std::fabs(double{v}));
  return best;
}

// One query's softmax(scores) v in double precision.
inline void attend(std::vector<double>& scores, const std::vector<const float*>& values,
                   double* out, std::int64_t d) {
  const double max = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (double& s : scores) sum += s = std::exp(s - max);
  for (std::int64_t i = 0; i < d; ++i) {
    out[i] = 0;
    for (std::size_t n = 0; n < scores.size(); ++n)
      out[i] += scores[n] / sum * double{values[n][i]};
  }
}

inline double exact_dot(const float* a, const float* b, std::int64_t d) {
  double sum = 0;
  for (std::int64_t i = 0; i < d; ++i) sum += double{a[i]} * double{b[i]};
  return sum;
}

struct WindowCase {
  WindowAttentionProblem problem;
  Pattern pattern = Pattern::kNormal;
};

// max|v| of the tokens.
inline double max_value(const WindowAttentionProblem& p, const Floats& qkv) {
  const std::int64_t channels = p.heads * p.head_dim;
  double best = 0;
  for (std::int64_t i = 0; i < p.batch * p.height * p.width; ++i) {
    for (std::int64_t j = 0; j < channels; ++j) {
      best = std::max(best, std::fabs(double{qkv[i * 3 * channels + 2 * channels + j]}));
    }
  }
  return best;
}

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
    const double v_max = std::max(max_abs(pad), max_value(p, qkv));
    const double n = static_cast<double>(side_h * side_w);
    tolerance = kEps * (8 * g + 16 + 2 * std::sqrt(n)) * v_max;
  }
};

// Meta's order of work: pad the grid, cut it into windows, attend in each, put the windows back,
// crop.
inline std::vector<double> naive_window(const WindowAttentionProblem& p, const WindowInputs& in) {
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

// What to add to the tolerance for float32 (attention_test.cc) in a type of 16 bits, but for the
// result's rounding. With u the most that a rounding takes off a number, a kernel may
// - round the position tables, and the tokens that fill up windows: scores move by u |q| |Rh|,
//   u |q| |Rw| and u scale |q| |pad k|, the result by twice their sum times max|v|; values by
//   u max|v|,
// - round the probabilities, or cut them off, if it divides by the sum of what is left: up to 2 u
// of
//   each, but only differences from the mean count, on average half of that: u max|v|,
// - take exponentials with an error of 1e-4: 2e-4 max|v|.
inline double half_tolerance(const WindowAttentionProblem& p, const WindowInputs& in, double u) {
  const std::int64_t d = p.head_dim;
  const std::int64_t channels = p.heads * d;
  double q_norm = 0;
  for (std::int64_t head = 0; head < p.heads; ++head) {
    q_norm = std::max(q_norm, max_norm(in.qkv, head * d, 3 * channels, d));
  }
  const double scores = q_norm * (max_norm(in.rel_h, 0, d, d) + max_norm(in.rel_w, 0, d, d) +
                                  double{p.scale} * max_norm(in.pad, channels, d, d));
  const double v_max = std::max(max_abs(in.pad), max_value(p, in.qkv));
  const double pads = p.has_pad ? 1 : 0;
  return v_max * (u * (2 * scores + 1 + pads) + 2e-4);
}

// softmax(scale q k^T) v by head in double precision.
inline std::vector<double> naive_attention(const AttentionProblem& p, const Floats& q,
                                           const Floats& k, const Floats& v) {
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

inline std::vector<WindowCase> window_cases() {
  const auto make = [](std::int64_t batch, std::int64_t h, std::int64_t w, std::int64_t heads,
                       std::int64_t d, std::int64_t window, bool rel, bool pad,
                       Pattern pattern = Pattern::kNormal) {
    const float scale = 1.0F / std::sqrt(static_cast<float>(d));
    return WindowCase{{batch, h, w, heads, d, window, scale, rel, pad}, pattern};
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
      make(1, 14, 14, 12, 64, 14, true, false), make(1, 15, 29, 1, 80, 14, true, true),
      make(1, 6, 64, 1, 80, 0, true, false),
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

inline std::string describe(const WindowCase& c) {
  const WindowAttentionProblem& p = c.problem;
  return std::to_string(p.batch) + "x" + std::to_string(p.height) + "x" + std::to_string(p.width) +
         " heads " + std::to_string(p.heads) + " d " + std::to_string(p.head_dim) + " window " +
         std::to_string(p.window) + (p.has_rel ? " rel" : "") + (p.has_pad ? " pad" : "") +
         " pattern " + std::to_string(static_cast<int>(c.pattern));
}

}  // namespace lasso::kernels::attention_test

#endif  // LASSO_KERNELS_ATTENTION_ATTENTION_TEST_DATA_H_
