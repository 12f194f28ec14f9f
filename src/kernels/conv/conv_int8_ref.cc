// The specification of convolutions in int8: exact integer sums, then float32; the result is
// rounded last.
#include <algorithm>
#include <cstring>
#include <utility>

#include "core/threads.h"
#include "kernels/conv/conv_int8.h"
#include "kernels/conv/conv_reference.h"
#include "kernels/cpu/activation.h"
#include "kernels/cpu/constant.h"
#include "kernels/cpu/int8_product.h"
#include "quant/number_schemes.h"

namespace lasso::kernels {

Int8Filters::Int8Filters(const Conv2dProblem& p, const std::vector<TensorView>& constants)
    : bias(static_cast<std::size_t>(p.filters)) {
  TensorView w = constants.at(0);
  w.dims = {p.filters, window_inputs(p)};
  quant::Int8Weights weights = quant::quantize_weights(w, {});
  q = std::move(weights.q);
  scales = std::move(weights.scales);
  read_bias(constants, p.filters, bias.data());
}

namespace conv_int8_reference {

namespace {

// Q in its own order, padded to whole floats, then s and b.
std::size_t weight_bytes(const Conv2dProblem& p) {
  return (static_cast<std::size_t>(p.filters * window_inputs(p)) + 3) / 4 * 4;
}

// The sum over the window of output pixel (b, i, j) and filter n. What surrounds the image stands
// for 0, and adds nothing.
std::int32_t sum_window(const Conv2dProblem& p, const std::uint8_t* x, const std::int8_t* w,
                        std::int64_t b, std::int64_t i, std::int64_t j, std::int64_t n) {
  const auto zero = static_cast<std::int32_t>(p.input_scheme.zero);
  std::int32_t sum = 0;
  for (std::int64_t u = 0; u < p.kernel_h; ++u) {
    for (std::int64_t v = 0; v < p.kernel_w; ++v) {
      const std::int64_t row = p.top(i) + u * p.dilation.h;
      const std::int64_t column = p.left(j) + v * p.dilation.w;
      if (row < 0 || row >= p.height || column < 0 || column >= p.width) continue;
      const std::uint8_t* pixel = x + ((b * p.height + row) * p.width + column) * p.channels;
      for (std::int64_t c = 0; c < p.channels; ++c) {
        sum += (pixel[c] - zero) * w[((n * p.channels + c) * p.kernel_h + u) * p.kernel_w + v];
      }
    }
  }
  return sum;
}

}  // namespace

Offer offer(const Conv2dProblem& p) {
  if (window_inputs(p) > kInt8MostInputs) return Offer::no("sums of over 65536");
  Offer offer;
  offer.packed_bytes = weight_bytes(p) + 2 * static_cast<std::size_t>(p.filters) * sizeof(float);
  offer.packed_layout = "int8 W as it is, s, b [n]";
  return offer;
}

void pack(const Conv2dProblem& p, const std::vector<TensorView>& constants, std::byte* packed) {
  const Int8Filters filters(p, constants);
  std::memset(packed, 0, weight_bytes(p));
  if (!filters.q.empty()) std::memcpy(packed, filters.q.data(), filters.q.size());
  auto* out = reinterpret_cast<float*>(packed + weight_bytes(p));
  out = std::copy(filters.scales.begin(), filters.scales.end(), out);
  std::copy(filters.bias.begin(), filters.bias.end(), out);
}

void run(const Conv2dProblem& p, const KernelArgs& args) {
  const auto* x = static_cast<const std::uint8_t*>(args.inputs[0]);
  const auto* w = reinterpret_cast<const std::int8_t*>(args.packed);
  const auto* s = reinterpret_cast<const float*>(args.packed + weight_bytes(p));
  const float* bias = s + p.filters;
  const std::int64_t out_h = p.out_h();
  const std::int64_t out_w = p.out_w();
  parallel_ranges(p.batch * out_h * out_w, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t pixel = begin; pixel < end; ++pixel) {
      for (std::int64_t n = 0; n < p.filters; ++n) {
        const std::int32_t sum =
            sum_window(p, x, w, pixel / (out_h * out_w), pixel / out_w % out_h, pixel % out_w, n);
        const float value = static_cast<float>(sum) * (p.input_scheme.scale * s[n]) + bias[n];
        store_number(p.output, p.output_scheme, args.outputs[0], pixel * p.filters + n,
                     activate(p.activation, value));
      }
    }
  });
}

}  // namespace conv_int8_reference

}  // namespace lasso::kernels
