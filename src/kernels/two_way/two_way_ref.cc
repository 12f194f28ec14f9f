// Two-way attention as it is written down: keys and values, or queries, of all pixels of a prompt,
// each sum in ascending order.
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/convert.h"
#include "core/threads.h"
#include "kernels/cpu/constant.h"
#include "kernels/two_way/two_way.h"

namespace lasso::kernels {

namespace {

// Rows of x W^T + b, W [n, k].
std::vector<float> project(const float* x, std::int64_t rows, const float* w, const float* b,
                           std::int64_t n, std::int64_t k) {
  std::vector<float> y(static_cast<std::size_t>(rows * n));
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t i = 0; i < n; ++i) {
      float sum = 0.0F;
      for (std::int64_t j = 0; j < k; ++j) sum += x[row * k + j] * w[i * k + j];
      y[static_cast<std::size_t>(row * n + i)] = sum + b[i];
    }
  }
  return y;
}

std::vector<float> shifted(const float* x, const float* p, std::int64_t count) {
  std::vector<float> y(x, x + count);
  for (std::int64_t i = 0; p != nullptr && i < count; ++i) y[static_cast<std::size_t>(i)] += p[i];
  return y;
}

// softmax(scale q k^T) v for each head, rows of heads * d.
std::vector<float> attend(const float* q, std::int64_t queries, const float* k, const float* v,
                          std::int64_t keys, std::int64_t heads, std::int64_t d, float scale) {
  const std::int64_t width = heads * d;
  std::vector<float> y(static_cast<std::size_t>(queries * width));
  std::vector<float> weights(static_cast<std::size_t>(keys));
  for (std::int64_t row = 0; row < queries; ++row) {
    for (std::int64_t head = 0; head < width; head += d) {
      for (std::int64_t j = 0; j < keys; ++j) {
        float sum = 0.0F;
        for (std::int64_t i = head; i < head + d; ++i) sum += q[row * width + i] * k[j * width + i];
        weights[static_cast<std::size_t>(j)] = sum * scale;
      }
      const float max = *std::max_element(weights.begin(), weights.end());
      float total = 0.0F;
      for (float& weight : weights) total += weight = std::exp(weight - max);
      for (std::int64_t i = head; i < head + d; ++i) {
        float sum = 0.0F;
        for (std::int64_t j = 0; j < keys; ++j) {
          sum += weights[static_cast<std::size_t>(j)] * v[j * width + i];
        }
        y[static_cast<std::size_t>(row * width + i)] = sum / total;
      }
    }
  }
  return y;
}

// Copies weights and biases one after the other; zeros where there are none.
void pack_all(const std::vector<TensorView>& constants, const std::vector<std::int64_t>& counts,
              std::byte* packed) {
  auto* out = reinterpret_cast<float*>(packed);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (constants.at(i).data != nullptr) {
      read_f32(constants[i], out);
    } else {
      std::fill_n(out, counts[i], 0.0F);
    }
    out += counts[i];
  }
}

std::vector<std::int64_t> packed_counts(const TokenToImageProblem& p) {
  const std::int64_t weights = p.width() * p.channels;
  return {weights, p.width(), weights, p.width()};
}

std::vector<std::int64_t> packed_counts(const ImageToTokenProblem& p) {
  return {p.outputs * p.width(), p.outputs, p.projected ? p.width() * p.channels : 0,
          p.projected ? p.width() : 0};
}

template <typename Problem>
Offer offer(const Problem& p, const TargetInfo& /*target*/) {
  std::string reason = check_problem(p);
  if (!reason.empty()) return Offer::no(std::move(reason));
  Offer offer;
  for (const std::int64_t count : packed_counts(p)) {
    offer.packed_bytes += static_cast<std::size_t>(count) * sizeof(float);
  }
  offer.packed_layout = "f32 weights and biases in the order of inputs";
  return offer;
}

template <typename Problem>
void pack(const Problem& p, const std::vector<TensorView>& constants, std::byte* packed) {
  pack_all(constants, packed_counts(p), packed);
}

void run_token_to_image(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<TokenToImageProblem>&>(state).problem;
  const std::int64_t width = p.width();
  const auto* wk = reinterpret_cast<const float*>(args.packed);
  const float* bk = wk + width * p.channels;
  const float* wv = bk + width;
  const float* bv = wv + width * p.channels;
  const auto* positions = p.positions ? static_cast<const float*>(args.inputs[2]) : nullptr;
  parallel_tasks(p.batch, [&](std::int64_t batch) {
    const float* q =
        static_cast<const float*>(args.inputs[0]) + (p.q_batch == 1 ? 0 : batch) * p.tokens * width;
    const float* x = static_cast<const float*>(args.inputs[1]) +
                     (p.x_batch == 1 ? 0 : batch) * p.pixels * p.channels;
    const std::vector<float> with = shifted(x, positions, p.pixels * p.channels);
    const auto k = project(with.data(), p.pixels, wk, bk, width, p.channels);
    const auto v = project(x, p.pixels, wv, bv, width, p.channels);
    const auto y = attend(q, p.tokens, k.data(), v.data(), p.pixels, p.heads, p.head_dim, p.scale);
    std::copy(y.begin(), y.end(), static_cast<float*>(args.outputs[0]) + batch * p.tokens * width);
  });
}

void run_image_to_token(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<ImageToTokenProblem>&>(state).problem;
  const std::int64_t width = p.width();
  const auto* wo = reinterpret_cast<const float*>(args.packed);
  const float* bo = wo + p.outputs * width;
  const float* wq = bo + p.outputs;
  const float* bq = wq + width * p.channels;
  const auto* positions = p.positions ? static_cast<const float*>(args.inputs[1]) : nullptr;
  const auto input = [&](std::size_t i, std::int64_t batch, std::int64_t size) {
    return static_cast<const float*>(args.inputs[i]) + batch * size;
  };
  parallel_tasks(p.batch, [&](std::int64_t batch) {
    const float* x = input(0, p.x_batch == 1 ? 0 : batch, p.pixels * p.channels);
    std::vector<float> q = shifted(x, positions, p.pixels * p.channels);
    if (p.projected) q = project(q.data(), p.pixels, wq, bq, width, p.channels);
    const auto o =
        attend(q.data(), p.pixels, input(2, p.k_batch == 1 ? 0 : batch, p.tokens * width),
               input(3, p.v_batch == 1 ? 0 : batch, p.tokens * width), p.tokens, p.heads,
               p.head_dim, p.scale);
    const auto y = project(o.data(), p.pixels, wo, bo, p.outputs, width);
    float* out = static_cast<float*>(args.outputs[0]) + batch * p.pixels * p.outputs;
    const float* r =
        p.residual ? input(6, p.r_batch == 1 ? 0 : batch, p.pixels * p.outputs) : nullptr;
    for (std::int64_t i = 0; i < p.pixels * p.outputs; ++i) {
      out[i] = y[static_cast<std::size_t>(i)] + (r == nullptr ? 0.0F : r[i]);
    }
  });
}

}  // namespace

const Kernel<TokenToImageProblem> kTokenToImageRef{
    .name = "reference",
    .needs = {},
    .offer = offer<TokenToImageProblem>,
    .pack = pack<TokenToImageProblem>,
    .create = create_problem_state<TokenToImageProblem>,
    .run = run_token_to_image};
const Kernel<ImageToTokenProblem> kImageToTokenRef{
    .name = "reference",
    .needs = {},
    .offer = offer<ImageToTokenProblem>,
    .pack = pack<ImageToTokenProblem>,
    .create = create_problem_state<ImageToTokenProblem>,
    .run = run_image_to_token};

}  // namespace lasso::kernels
