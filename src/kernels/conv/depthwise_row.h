// A row of a depthwise convolution, written once for all instruction sets. Internal linkage, as in
// simd.h.
#ifndef LASSO_KERNELS_CONV_DEPTHWISE_ROW_H_
#define LASSO_KERNELS_CONV_DEPTHWISE_ROW_H_

#include "kernels/conv/depthwise_isa.h"
#include "kernels/cpu/simd.h"
#include "kernels/cpu/vector_math.h"

namespace lasso::kernels {

namespace {  // NOLINT(google-build-namespaces): see above

// The columns of the window that count: [begin, end).
struct WindowColumns {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

// kPixels columns of the result from j on, and kVectors vectors of channels from c on: as many
// sums that do not wait for each other. A load of weights serves all pixels.
template <typename V, int kPixels, int kVectors, typename Load, typename Store>
void tile(const DepthwiseRow& r, WindowColumns window, std::int64_t j, std::int64_t c,
          const Load& load, const Store& store) {
  using F = typename V::F;
  F sums[kPixels][kVectors];
  for (int m = 0; m < kVectors; ++m) {
    const F bias = load(r.bias + c + m * V::kWidth);
    for (int i = 0; i < kPixels; ++i) sums[i][m] = bias;
  }
  const std::int64_t next_pixel = r.stride * r.channels;
  const std::int64_t first = (j * r.stride - r.left + window.begin * r.dilation) * r.channels + c;
  for (std::int64_t u = 0; u < r.rows; ++u) {
    const float* x = r.x + u * r.row_step + first;
    const float* w = r.w + (u * r.kernel_w + window.begin) * r.channels + c;
    for (std::int64_t v = window.begin; v < window.end; ++v) {
      for (int m = 0; m < kVectors; ++m) {
        const F weights = load(w + m * V::kWidth);
        for (int i = 0; i < kPixels; ++i) {
          sums[i][m] = V::fma(weights, load(x + i * next_pixel + m * V::kWidth), sums[i][m]);
        }
      }
      x += r.dilation * r.channels;
      w += r.channels;
    }
  }
  for (int i = 0; i < kPixels; ++i) {
    for (int m = 0; m < kVectors; ++m) {
      store(r.y + (j + i) * r.channels + c + m * V::kWidth, sums[i][m]);
    }
  }
}

// kPixels columns of the result and the channels [c, end).
template <typename V, int kPixels, int kVectors>
void pixels(const DepthwiseRow& r, WindowColumns window, std::int64_t j, std::int64_t c,
            std::int64_t end) {
  const auto load = [](const float* p) { return V::load(p); };
  const auto store = [](float* p, typename V::F value) { V::store(p, value); };
  for (; c + kVectors * V::kWidth <= end; c += kVectors * V::kWidth) {
    tile<V, kPixels, kVectors>(r, window, j, c, load, store);
  }
  for (; c + V::kWidth <= end; c += V::kWidth) tile<V, kPixels, 1>(r, window, j, c, load, store);
  if (c == end) return;
  const auto mask = V::first(end - c);
  tile<V, kPixels, 1>(
      r, window, j, c, [mask](const float* p) { return V::load(p, mask); },
      [mask](float* p, typename V::F value) { V::store(p, mask, value); });
}

// ceil(a / b) for b > 0.
inline std::int64_t up(std::int64_t a, std::int64_t b) { return a <= 0 ? 0 : (a + b - 1) / b; }
inline std::int64_t at_most(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

// The columns of the image under the window of column j of the result.
inline WindowColumns inside(const DepthwiseRow& r, std::int64_t j) {
  const std::int64_t left = j * r.stride - r.left;
  const std::int64_t end = at_most(r.kernel_w, up(r.width - left, r.dilation));
  return {at_most(up(-left, r.dilation), end), end};
}

template <typename V, graph::Activation kActivation>
void activate_row(float* y, std::int64_t count) {
  std::int64_t i = 0;
  for (; i + V::kWidth <= count; i += V::kWidth) {
    V::store(y + i, vector_activate<V, kActivation>(V::load(y + i)));
  }
  if (i == count) return;
  const auto mask = V::first(count - i);
  V::store(y + i, mask, vector_activate<V, kActivation>(V::load(y + i, mask)));
}

template <typename V>
void activate_row(graph::Activation activation, float* y, std::int64_t count) {
  switch (activation) {
    case graph::Activation::kNone:
      return;
    case graph::Activation::kGelu:
      return activate_row<V, graph::Activation::kGelu>(y, count);
    case graph::Activation::kRelu:
      return activate_row<V, graph::Activation::kRelu>(y, count);
    case graph::Activation::kSigmoid:
      return activate_row<V, graph::Activation::kSigmoid>(y, count);
    case graph::Activation::kSilu:
      return activate_row<V, graph::Activation::kSilu>(y, count);
    case graph::Activation::kLeakyRelu:
      return activate_row<V, graph::Activation::kLeakyRelu>(y, count);
  }
}

// How many channels are taken at a time: what four windows next to each other and the weights have
// of them stays in the first cache. More is better, since images are read in longer pieces.
inline std::int64_t channels_at_once(const DepthwiseRow& r, std::int64_t span) {
  constexpr std::int64_t kFloats = 8192;
  constexpr std::int64_t kLeast = 64;
  const std::int64_t of_channel = r.rows * (3 * r.stride + span + 1 + r.kernel_w) + 1;
  const std::int64_t channels = kFloats / of_channel / kLeast * kLeast;
  return channels > kLeast ? channels : kLeast;
}

template <typename V>
void depthwise_row(const DepthwiseRow& r) {
  const std::int64_t span = (r.kernel_w - 1) * r.dilation;
  // The columns of the result whose windows are inside of the image: [begin, end).
  const std::int64_t begin = at_most(up(r.left, r.stride), r.results);
  std::int64_t end = at_most(up(r.width - span + r.left, r.stride), r.results);
  if (end < begin) end = begin;
  const std::int64_t together = channels_at_once(r, span);
  for (std::int64_t c = 0; c < r.channels; c += together) {
    const std::int64_t c_end = at_most(c + together, r.channels);
    const WindowColumns whole{0, r.kernel_w};
    std::int64_t j = 0;
    for (; j < begin; ++j) pixels<V, 1, 4>(r, inside(r, j), j, c, c_end);
    for (; j + 4 <= end; j += 4) pixels<V, 4, 2>(r, whole, j, c, c_end);
    if (j + 2 <= end) {
      pixels<V, 2, 4>(r, whole, j, c, c_end);
      j += 2;
    }
    for (; j < r.results; ++j) pixels<V, 1, 4>(r, inside(r, j), j, c, c_end);
  }
  activate_row<V>(r.activation, r.y, r.results * r.channels);
}

}  // namespace

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CONV_DEPTHWISE_ROW_H_
