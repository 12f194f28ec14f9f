// The specification of the convolutions in bfloat16 and float16: every value of x and W is rounded
// to the weights' type, to the nearest, ties to even; sums, bias and activation are float32; the
// result is rounded last.
#include <vector>

#include "core/threads.h"
#include "kernels/conv/conv_reference.h"
#include "kernels/cpu/activation.h"
#include "kernels/cpu/constant.h"

namespace lasso::kernels::conv_half_reference {

namespace {

// Element i of x as the value that its number of the weights' type stands for.
template <typename Problem>
float rounded(const Problem& p, const void* x, std::int64_t i) {
  if (is_half(p.input)) return half_to_f32(p.input, static_cast<const std::uint16_t*>(x)[i]);
  return rounded_to_half(p.weights, static_cast<const float*>(x)[i]);
}

std::int64_t weight_count(const Conv2dProblem& p) {
  return p.filters * p.group_channels() * p.kernel_h * p.kernel_w;
}
std::int64_t weight_count(const ConvTranspose2dProblem& p) {
  return p.channels * p.filters * p.stride * p.stride;
}

// The values that the weights' numbers stand for, in their own order, then the bias.
template <typename Problem>
Offer offer_packed(const Problem& p) {
  Offer offer;
  offer.packed_bytes = static_cast<std::size_t>(weight_count(p) + p.filters) * sizeof(float);
  offer.packed_layout =
      p.weights == DType::kF16 ? "f32 of f16 W as it is, b [n]" : "f32 of bf16 W as it is, b [n]";
  return offer;
}

template <typename Problem>
void pack_values(const Problem& p, const std::vector<TensorView>& constants, std::byte* packed) {
  auto* out = reinterpret_cast<float*>(packed);
  for (const float value : read_f32(constants.at(0))) *out++ = rounded_to_half(p.weights, value);
  read_bias(constants, p.filters, out);
}

// The sum over the window of output pixel (b, i, j) and filter n.
float sum_window(const Conv2dProblem& p, const void* x, const float* w, std::int64_t b,
                 std::int64_t i, std::int64_t j, std::int64_t n) {
  const std::int64_t channels = p.group_channels();
  const std::int64_t first_channel = n / p.group_filters() * channels;
  float sum = 0.0F;
  for (std::int64_t u = 0; u < p.kernel_h; ++u) {
    for (std::int64_t v = 0; v < p.kernel_w; ++v) {
      const std::int64_t row = p.top(i) + u * p.dilation.h;
      const std::int64_t column = p.left(j) + v * p.dilation.w;
      if (row < 0 || row >= p.height || column < 0 || column >= p.width) continue;
      const std::int64_t at =
          ((b * p.height + row) * p.width + column) * p.channels + first_channel;
      for (std::int64_t c = 0; c < channels; ++c) {
        sum += rounded(p, x, at + c) * w[((n * channels + c) * p.kernel_h + u) * p.kernel_w + v];
      }
    }
  }
  return sum;
}

}  // namespace

Offer offer(const Conv2dProblem& p) { return offer_packed(p); }
Offer offer(const ConvTranspose2dProblem& p) { return offer_packed(p); }

void pack(const Conv2dProblem& p, const std::vector<TensorView>& constants, std::byte* packed) {
  pack_values(p, constants, packed);
}
void pack(const ConvTranspose2dProblem& p, const std::vector<TensorView>& constants,
          std::byte* packed) {
  pack_values(p, constants, packed);
}

void run(const Conv2dProblem& p, const KernelArgs& args) {
  const auto* w = reinterpret_cast<const float*>(args.packed);
  const float* bias = w + weight_count(p);
  const std::int64_t out_h = p.out_h();
  const std::int64_t out_w = p.out_w();
  parallel_ranges(p.batch * out_h * out_w, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t pixel = begin; pixel < end; ++pixel) {
      for (std::int64_t n = 0; n < p.filters; ++n) {
        const float sum = sum_window(p, args.inputs[0], w, pixel / (out_h * out_w),
                                     pixel / out_w % out_h, pixel % out_w, n);
        store_number(p.output, p.output_scheme, args.outputs[0], pixel * p.filters + n,
                     activate(p.activation, sum + bias[n]));
      }
    }
  });
}

void run(const ConvTranspose2dProblem& p, const KernelArgs& args) {
  const auto* w = reinterpret_cast<const float*>(args.packed);
  const float* bias = w + weight_count(p);
  const std::int64_t out_w = p.stride * p.width;
  parallel_ranges(p.batch * p.stride * p.height * out_w, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t pixel = begin; pixel < end; ++pixel) {
      const std::int64_t row = pixel / out_w;  // of all images
      const std::int64_t column = pixel % out_w;
      const std::int64_t source = (row / p.stride * p.width + column / p.stride) * p.channels;
      const std::int64_t tap = row % p.stride * p.stride + column % p.stride;
      for (std::int64_t n = 0; n < p.filters; ++n) {
        float sum = 0.0F;
        for (std::int64_t c = 0; c < p.channels; ++c) {
          sum += rounded(p, args.inputs[0], source + c) *
                 w[(c * p.filters + n) * p.stride * p.stride + tap];
        }
        store_number(p.output, {}, args.outputs[0], pixel * p.filters + n,
                     activate(p.activation, sum + bias[n]));
      }
    }
  });
}

}  // namespace lasso::kernels::conv_half_reference
