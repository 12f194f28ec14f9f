// The specification of Deconv2d: every pixel of the result gathers what pixels of x add to it.
#include <algorithm>
#include <vector>

#include "core/threads.h"
#include "kernels/cpu/activation.h"
#include "kernels/cpu/constant.h"
#include "kernels/deconv/deconv.h"

namespace lasso::kernels {

namespace {

// Weights are packed as [kh, kw, C/groups, N], then the bias [N]: the sums of a pixel's filters are
// independent, and the compiler vectorises over them without changing their order.
std::int64_t weight_floats(const Deconv2dProblem& p) {
  return p.taps() * p.group_channels() * p.filters;
}

Offer offer(const Deconv2dProblem& p, const TargetInfo& /*target*/) {
  Offer offer;
  offer.packed_bytes = static_cast<std::size_t>(weight_floats(p) + p.filters) * sizeof(float);
  offer.packed_layout = "f32 transposed [kh, kw, C, N], b [N]";
  return offer;
}

void pack(const Deconv2dProblem& p, const std::vector<TensorView>& constants, std::byte* packed) {
  const std::vector<float> w = read_f32(constants.at(0));
  auto* out = reinterpret_cast<float*>(packed);
  for (std::int64_t tap = 0; tap < p.taps(); ++tap) {
    for (std::int64_t c = 0; c < p.group_channels(); ++c) {
      for (std::int64_t n = 0; n < p.filters; ++n) {
        *out++ = w[static_cast<std::size_t>(p.weight_at(n, c, tap))];
      }
    }
  }
  read_bias(constants, p.filters, out);
}

constexpr std::int64_t kFilters = 64;  // of a block whose sums stay in L1

// The sums of pixel (i, j) of an image's result for the filters [n0, n0 + filters), all of one
// group.
void sum_taps(const Deconv2dProblem& p, const float* x, const float* w, std::int64_t i,
              std::int64_t j, std::int64_t n0, std::int64_t filters, float* sums) {
  const std::int64_t channels = p.group_channels();
  const std::int64_t first_channel = n0 / p.group_filters() * channels;
  for (std::int64_t u = 0; u < p.h.kernel; ++u) {
    for (std::int64_t v = 0; v < p.w.kernel; ++v) {
      const std::int64_t row = p.h.source(i, u);
      const std::int64_t column = p.w.source(j, v);
      if (row < 0 || column < 0) continue;
      const float* from = x + (row * p.w.size + column) * p.channels + first_channel;
      const float* weights = w + (u * p.w.kernel + v) * channels * p.filters + n0;
      for (std::int64_t c = 0; c < channels; ++c) {
        for (std::int64_t n = 0; n < filters; ++n) sums[n] += from[c] * weights[c * p.filters + n];
      }
    }
  }
}

void run(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<Deconv2dProblem>&>(state).problem;
  const auto* x = static_cast<const float*>(args.inputs[0]);
  const auto* w = reinterpret_cast<const float*>(args.packed);
  const float* bias = w + weight_floats(p);
  auto* y = static_cast<float*>(args.outputs[0]);
  parallel_ranges(p.pixels(), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t pixel = begin; pixel < end; ++pixel) {
      const std::int64_t row = pixel / p.w.result;  // of all images
      const float* image = x + row / p.h.result * p.h.size * p.w.size * p.channels;
      std::int64_t filters = 0;
      for (std::int64_t n0 = 0; n0 < p.filters; n0 += filters) {
        // Up to the end of the block, and of the group.
        filters = std::min(kFilters, p.group_filters() - n0 % p.group_filters());
        float sums[kFilters] = {};
        sum_taps(p, image, w, row % p.h.result, pixel % p.w.result, n0, filters, sums);
        for (std::int64_t n = n0; n < n0 + filters; ++n) {
          y[pixel * p.filters + n] = activate(p.activation, sums[n - n0] + bias[n]);
        }
      }
    }
  });
}

}  // namespace

const Kernel<Deconv2dProblem> kDeconv2dRef{
    .name = "reference",
    .needs = {},
    .offer = offer,
    .pack = pack,
    .create = create_problem_state<Deconv2dProblem>,
    .run = run,
};

}  // namespace lasso::kernels
