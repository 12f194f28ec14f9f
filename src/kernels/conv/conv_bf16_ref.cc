// The specification of the convolutions in bfloat16: every value of x and W is rounded to it, to
// the nearest, ties to even; sums, bias and activation are float32; the result is rounded last.
#include <vector>

#include "core/threads.h"
#include "kernels/conv/conv_reference.h"
#include "kernels/cpu/activation.h"
#include "kernels/cpu/constant.h"

namespace lasso::kernels::conv_bf16_reference {

namespace {

// Element i of x as the value that its bfloat16 number stands for.
float rounded(const void* x, DType input, std::int64_t i) {
  if (input == DType::kBF16) return bf16_to_f32(static_cast<const std::uint16_t*>(x)[i]);
  return bf16_to_f32(f32_to_bf16(static_cast<const float*>(x)[i]));
}

// The values that the weights' bfloat16 numbers stand for, in their own order, then the bias.
Offer offer_packed(std::int64_t weights, std::int64_t filters) {
  Offer offer;
  offer.packed_bytes = static_cast<std::size_t>(weights + filters) * sizeof(float);
  offer.packed_layout = "f32 of bf16 W as it is, b [n]";
  return offer;
}

void pack_values(const std::vector<TensorView>& constants, std::int64_t filters,
                 std::byte* packed) {
  auto* out = reinterpret_cast<float*>(packed);
  for (const float value : read_f32(constants.at(0))) *out++ = bf16_to_f32(f32_to_bf16(value));
  read_bias(constants, filters, out);
}

std::int64_t weight_count(const Conv2dProblem& p) {
  return p.filters * p.group_channels() * p.kernel_h * p.kernel_w;
}
std::int64_t weight_count(const ConvTranspose2dProblem& p) {
  return p.channels * p.filters * p.stride * p.stride;
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
        sum +=
            rounded(x, p.input, at + c) * w[((n * channels + c) * p.kernel_h + u) * p.kernel_w + v];
      }
    }
  }
  return sum;
}

}  // namespace

Offer offer(const Conv2dProblem& p) { return offer_packed(weight_count(p), p.filters); }
Offer offer(const ConvTranspose2dProblem& p) { return offer_packed(weight_count(p), p.filters); }

void pack(const Conv2dProblem& p, const std::vector<TensorView>& constants, std::byte* packed) {
  pack_values(constants, p.filters, packed);
}
void pack(const ConvTranspose2dProblem& p, const std::vector<TensorView>& constants,
          std::byte* packed) {
  pack_values(constants, p.filters, packed);
}

void run(const Conv2dProblem& p, const KernelArgs& args) {
  const auto* w = reinterpret_cast<const float*>(args.packed);
  const float* bias = w + weight_count(p);
  auto* y = static_cast<float*>(args.outputs[0]);
  const std::int64_t out_h = p.out_h();
  const std::int64_t out_w = p.out_w();
  parallel_ranges(p.batch * out_h * out_w, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t pixel = begin; pixel < end; ++pixel) {
      for (std::int64_t n = 0; n < p.filters; ++n) {
        const float sum = sum_window(p, args.inputs[0], w, pixel / (out_h * out_w),
                                     pixel / out_w % out_h, pixel % out_w, n);
        y[pixel * p.filters + n] = activate(p.activation, sum + bias[n]);
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
          sum += rounded(args.inputs[0], p.input, source + c) *
                 w[(c * p.filters + n) * p.stride * p.stride + tap];
        }
        const float y = activate(p.activation, sum + bias[n]);
        const std::int64_t at = pixel * p.filters + n;
        if (p.output == DType::kBF16) {
          static_cast<std::uint16_t*>(args.outputs[0])[at] = f32_to_bf16(y);
        } else {
          static_cast<float*>(args.outputs[0])[at] = y;
        }
      }
    }
  });
}

}  // namespace lasso::kernels::conv_bf16_reference
