// MaskUpscaling as it is written down, with numbers rounded to the weights' type: sums in ascending
// order of channels, then of filters.
#include <cmath>
#include <vector>

#include "core/convert.h"
#include "core/threads.h"
#include "kernels/cpu/activation.h"
#include "kernels/cpu/constant.h"
#include "kernels/upscaling/upscaling.h"

namespace lasso::kernels {

namespace {

// W1 and W2 as they are, each with its bias.
struct Packed {
  explicit Packed(const MaskUpscalingProblem& p)
      : b1(p.channels * p.middle * p.area()),
        w2(b1 + p.middle),
        b2(w2 + p.middle * p.filters * p.area()),
        floats(b2 + p.filters) {}
  std::int64_t b1, w2, b2, floats;
};

void round_to(DType type, float* x, std::int64_t count) {
  if (!is_half(type)) return;
  for (std::int64_t i = 0; i < count; ++i) x[i] = rounded_to_half(type, x[i]);
}

Offer offer(const MaskUpscalingProblem& p, const TargetInfo& /*target*/) {
  std::string reason = check_problem(p);
  if (!reason.empty()) return Offer::no(std::move(reason));
  Offer offer;
  offer.packed_bytes = static_cast<std::size_t>(Packed(p).floats) * sizeof(float);
  offer.packed_layout = "f32 of " + std::string(to_string(p.weights)) + " W1, b1, W2, b2";
  return offer;
}

void pack(const MaskUpscalingProblem& p, const std::vector<TensorView>& constants,
          std::byte* packed) {
  auto* out = reinterpret_cast<float*>(packed);
  const Packed place(p);
  read_f32(constants.at(0), out);
  round_to(p.weights, out, place.b1);
  read_bias({constants[0], constants.at(1)}, p.middle, out + place.b1);
  read_f32(constants.at(2), out + place.w2);
  round_to(p.weights, out + place.w2, place.b2 - place.w2);
  read_bias({constants[2], constants.at(3)}, p.filters, out + place.b2);
}

// A pixel's numbers under one tap of W [channels, filters, area].
std::vector<float> tap_of(const float* x, const float* w, const float* b, std::int64_t channels,
                          std::int64_t filters, std::int64_t area, std::int64_t tap) {
  std::vector<float> y(static_cast<std::size_t>(filters));
  for (std::int64_t n = 0; n < filters; ++n) {
    float sum = 0.0F;
    for (std::int64_t c = 0; c < channels; ++c) sum += x[c] * w[(c * filters + n) * area + tap];
    y[static_cast<std::size_t>(n)] = sum + b[n];
  }
  return y;
}

void normalise(const MaskUpscalingProblem& p, const float* gamma, const float* beta,
               std::vector<float>& x) {
  const auto count = static_cast<float>(x.size());
  float mean = 0.0F;
  for (const float value : x) mean += value;
  mean /= count;
  float variance = 0.0F;
  for (const float value : x) variance += (value - mean) * (value - mean);
  const float scale = 1.0F / std::sqrt(variance / count + p.epsilon);
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = activate(p.first, (x[i] - mean) * scale * gamma[i] + beta[i]);
  }
}

void run(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<MaskUpscalingProblem>&>(state).problem;
  const auto* a = static_cast<const float*>(args.inputs[0]);
  const auto* x = static_cast<const float*>(args.inputs[1]);
  const auto* gamma = static_cast<const float*>(args.inputs[4]);
  const auto* beta = static_cast<const float*>(args.inputs[5]);
  const auto* w1 = reinterpret_cast<const float*>(args.packed);
  const Packed place(p);
  auto* y = static_cast<float*>(args.outputs[0]);
  const std::int64_t s = p.stride;
  const std::int64_t width = p.width * p.area();
  const std::int64_t size = p.height * p.area() * width;
  parallel_tasks(p.batch * p.height * p.width, [&](std::int64_t pixel) {
    const std::int64_t image = pixel / (p.height * p.width);
    const std::int64_t line = pixel / p.width % p.height;
    const std::int64_t column = pixel % p.width;
    std::vector<float> numbers(x + pixel * p.channels, x + (pixel + 1) * p.channels);
    round_to(p.weights, numbers.data(), p.channels);
    for (std::int64_t first = 0; first < p.area(); ++first) {
      std::vector<float> middle =
          tap_of(numbers.data(), w1, w1 + place.b1, p.channels, p.middle, p.area(), first);
      normalise(p, gamma, beta, middle);
      round_to(p.weights, middle.data(), p.middle);
      for (std::int64_t second = 0; second < p.area(); ++second) {
        std::vector<float> u = tap_of(middle.data(), w1 + place.w2, w1 + place.b2, p.middle,
                                      p.filters, p.area(), second);
        for (float& value : u) value = activate(p.second, value);
        const std::int64_t at = ((line * s + first / s) * s + second / s) * width +
                                (column * s + first % s) * s + second % s;
        for (std::int64_t m = 0; m < p.masks; ++m) {
          const float* row = a + (image * p.masks + m) * p.filters;
          float sum = 0.0F;
          for (std::int64_t n = 0; n < p.filters; ++n) {
            sum += row[n] * u[static_cast<std::size_t>(n)];
          }
          y[(image * p.masks + m) * size + at] = sum;
        }
      }
    }
  });
}

}  // namespace

const Kernel<MaskUpscalingProblem> kMaskUpscalingRef{
    .name = "reference",
    .needs = {},
    .offer = offer,
    .pack = pack,
    .create = create_problem_state<MaskUpscalingProblem>,
    .run = run};

}  // namespace lasso::kernels
