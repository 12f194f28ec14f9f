// The specification of the convolutions: plain fp32 loops.
#include <algorithm>
#include <cstring>
#include <vector>

#include "core/threads.h"
#include "kernels/conv/conv_reference.h"
#include "kernels/cpu/activation.h"
#include "kernels/cpu/constant.h"

namespace lasso::kernels {

namespace {

// Weights are packed as [kh, kw, C, N], then the bias [N]: the N sums of an output pixel are
// independent, and the compiler vectorises over them without changing their order.
std::size_t packed_bytes(std::int64_t weights, std::int64_t filters) {
  return static_cast<std::size_t>(weights + filters) * sizeof(float);
}

constexpr std::int64_t kFilters = 64;  // of a block whose sums stay in L1

// sums[0:filters] += x [channels] . w [channels, filters], rows of w `stride` apart.
void accumulate(const float* x, const float* w, std::int64_t channels, std::int64_t stride,
                std::int64_t filters, float* sums) {
  for (std::int64_t c = 0; c < channels; ++c) {
    const float scale = x[c];
    const float* row = w + c * stride;
    for (std::int64_t n = 0; n < filters; ++n) sums[n] += scale * row[n];
  }
}

Offer offer_conv(const Conv2dProblem& p) {
  Offer offer;
  offer.packed_bytes =
      packed_bytes(p.filters * p.group_channels() * p.kernel_h * p.kernel_w, p.filters);
  offer.packed_layout = "f32 [kh, kw, C, N], b [N]";
  return offer;
}

void pack_conv(const Conv2dProblem& p, const std::vector<TensorView>& constants,
               std::byte* packed) {
  const std::vector<float> w = read_f32(constants.at(0));
  auto* out = reinterpret_cast<float*>(packed);
  const std::int64_t area = p.kernel_h * p.kernel_w;
  const std::int64_t channels = p.group_channels();
  for (std::int64_t n = 0; n < p.filters; ++n) {
    for (std::int64_t c = 0; c < channels; ++c) {
      for (std::int64_t i = 0; i < area; ++i) {
        out[(i * channels + c) * p.filters + n] =
            w[static_cast<std::size_t>((n * channels + c) * area + i)];
      }
    }
  }
  read_bias(constants, p.filters, out + area * channels * p.filters);
}

// The sums over the window of output pixel (b, i, j) for the filters [n0, n0 + filters), all of one
// group.
void sum_window(const Conv2dProblem& p, const float* x, const float* w, std::int64_t b,
                std::int64_t i, std::int64_t j, std::int64_t n0, std::int64_t filters,
                float* sums) {
  const std::int64_t channels = p.group_channels();
  const std::int64_t first_channel = n0 / p.group_filters() * channels;
  for (std::int64_t u = 0; u < p.kernel_h; ++u) {
    for (std::int64_t v = 0; v < p.kernel_w; ++v) {
      const std::int64_t row = p.top(i) + u * p.dilation.h;
      const std::int64_t column = p.left(j) + v * p.dilation.w;
      if (row < 0 || row >= p.height || column < 0 || column >= p.width) continue;
      accumulate(x + ((b * p.height + row) * p.width + column) * p.channels + first_channel,
                 w + (u * p.kernel_w + v) * channels * p.filters + n0, channels, p.filters, filters,
                 sums);
    }
  }
}

void run_conv(const Conv2dProblem& p, const KernelArgs& args) {
  const auto* x = static_cast<const float*>(args.inputs[0]);
  const auto* w = reinterpret_cast<const float*>(args.packed);
  const float* bias = w + p.kernel_h * p.kernel_w * p.group_channels() * p.filters;
  const std::int64_t out_h = p.out_h();
  const std::int64_t out_w = p.out_w();
  parallel_ranges(p.batch * out_h * out_w, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t filters = 0;
    for (std::int64_t n0 = 0; n0 < p.filters; n0 += filters) {
      // Up to the end of the block, and of the group.
      filters = std::min(kFilters, p.group_filters() - n0 % p.group_filters());
      for (std::int64_t pixel = begin; pixel < end; ++pixel) {
        float sums[kFilters] = {};
        sum_window(p, x, w, pixel / (out_h * out_w), pixel / out_w % out_h, pixel % out_w, n0,
                   filters, sums);
        for (std::int64_t n = 0; n < filters; ++n) {
          store_number(p.output, p.output_scheme, args.outputs[0], pixel * p.filters + n0 + n,
                       activate(p.activation, sums[n] + bias[n0 + n]));
        }
      }
    }
  });
}

Offer offer_transpose(const ConvTranspose2dProblem& p) {
  Offer offer;
  offer.packed_bytes = packed_bytes(p.filters * p.channels * p.stride * p.stride, p.filters);
  offer.packed_layout = "f32 [s, s, C, N], b [N]";
  return offer;
}

void pack_transpose(const ConvTranspose2dProblem& p, const std::vector<TensorView>& constants,
                    std::byte* packed) {
  const std::vector<float> w = read_f32(constants.at(0));
  auto* out = reinterpret_cast<float*>(packed);
  const std::int64_t area = p.stride * p.stride;
  for (std::int64_t c = 0; c < p.channels; ++c) {
    for (std::int64_t n = 0; n < p.filters; ++n) {
      for (std::int64_t i = 0; i < area; ++i) {
        out[(i * p.channels + c) * p.filters + n] =
            w[static_cast<std::size_t>((c * p.filters + n) * area + i)];
      }
    }
  }
  read_bias(constants, p.filters, out + area * p.channels * p.filters);
}

void run_transpose(const ConvTranspose2dProblem& p, const KernelArgs& args) {
  const auto* x = static_cast<const float*>(args.inputs[0]);
  const auto* w = reinterpret_cast<const float*>(args.packed);
  const float* bias = w + p.stride * p.stride * p.channels * p.filters;
  auto* y = static_cast<float*>(args.outputs[0]);
  const std::int64_t out_w = p.stride * p.width;
  parallel_ranges(p.batch * p.stride * p.height * out_w, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t pixel = begin; pixel < end; ++pixel) {
      // Images follow each other without a gap in x as in y: a row of y counts from the first
      // image's top.
      const std::int64_t row = pixel / out_w;
      const std::int64_t column = pixel % out_w;
      const std::int64_t tap = row % p.stride * p.stride + column % p.stride;
      const float* source = x + (row / p.stride * p.width + column / p.stride) * p.channels;
      for (std::int64_t n0 = 0; n0 < p.filters; n0 += kFilters) {
        const std::int64_t filters = std::min(kFilters, p.filters - n0);
        float sums[kFilters] = {};
        accumulate(source, w + tap * p.channels * p.filters + n0, p.channels, p.filters, filters,
                   sums);
        for (std::int64_t n = 0; n < filters; ++n) {
          y[pixel * p.filters + n0 + n] = activate(p.activation, sums[n] + bias[n0 + n]);
        }
      }
    }
  });
}

// Several images are joined in the workspace.
std::size_t joined_bytes(const Conv2dProblem& p) {
  if (p.joined.empty()) return 0;
  return static_cast<std::size_t>(p.batch * p.height * p.width * p.channels) * size_of(p.input);
}

void join(const Conv2dProblem& p, const KernelArgs& args) {
  const auto size = static_cast<std::int64_t>(size_of(p.input));
  std::int64_t first = 0;
  for (std::size_t i = 0; i < p.joined.size(); ++i) {
    const auto* x = static_cast<const std::byte*>(
        args.inputs[i == 0 ? 0 : graph::Conv2d::kFirstJoined + i - 1]);
    const std::int64_t bytes = p.joined[i] * size;
    for (std::int64_t pixel = 0; pixel < p.batch * p.height * p.width; ++pixel) {
      std::memcpy(args.workspace + (pixel * p.channels + first) * size, x + pixel * bytes,
                  static_cast<std::size_t>(bytes));
    }
    first += p.joined[i];
  }
}

Offer offer_of_one(const Conv2dProblem& p) {
  if (is_half(p.weights)) return conv_half_reference::offer(p);
  if (p.weights == DType::kI8) return conv_int8_reference::offer(p);
  return offer_conv(p);
}

Offer offer(const Conv2dProblem& p, const TargetInfo& /*target*/) {
  Offer offer = offer_of_one(p);
  offer.workspace_bytes = joined_bytes(p);
  return offer;
}

void pack(const Conv2dProblem& p, const std::vector<TensorView>& constants, std::byte* packed) {
  if (is_half(p.weights)) return conv_half_reference::pack(p, constants, packed);
  if (p.weights == DType::kI8) return conv_int8_reference::pack(p, constants, packed);
  pack_conv(p, constants, packed);
}

void run_image(const Conv2dProblem& p, const KernelArgs& args) {
  if (is_half(p.weights)) return conv_half_reference::run(p, args);
  if (p.weights == DType::kI8) return conv_int8_reference::run(p, args);
  run_conv(p, args);
}

void run_one(const Conv2dProblem& p, const KernelArgs& args) {
  if (p.joined.empty()) return run_image(p, args);
  join(p, args);
  const void* const image = args.workspace;
  run_image(p, {{&image, 1}, args.outputs, args.packed, nullptr, args.stream});
}

Offer offer(const ConvTranspose2dProblem& p, const TargetInfo& /*target*/) {
  if (is_half(p.weights)) return conv_half_reference::offer(p);
  return offer_transpose(p);
}

void pack(const ConvTranspose2dProblem& p, const std::vector<TensorView>& constants,
          std::byte* packed) {
  if (is_half(p.weights)) return conv_half_reference::pack(p, constants, packed);
  pack_transpose(p, constants, packed);
}

void run_one(const ConvTranspose2dProblem& p, const KernelArgs& args) {
  if (is_half(p.weights)) return conv_half_reference::run(p, args);
  run_transpose(p, args);
}

template <typename Problem>
void run(const KernelState& state, const KernelArgs& args) {
  run_one(static_cast<const ProblemState<Problem>&>(state).problem, args);
}

template <typename Problem>
constexpr Kernel<Problem> reference() {
  return {
      .name = "reference",
      .needs = {},
      .offer = offer,
      .pack = pack,
      .create = create_problem_state<Problem>,
      .run = run<Problem>,
  };
}

}  // namespace

const Kernel<Conv2dProblem> kConv2dRef = reference<Conv2dProblem>();
const Kernel<ConvTranspose2dProblem> kConvTranspose2dRef = reference<ConvTranspose2dProblem>();

}  // namespace lasso::kernels
