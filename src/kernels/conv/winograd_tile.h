// The transforms of Winograd's F(4 x 4, 3 x 3) (Lavin and Gray 2016), with the points 0, 1, -1, 2,
// -2 and infinity, written once for all instruction sets. Internal linkage, as in simd.h.
#ifndef LASSO_KERNELS_CONV_WINOGRAD_TILE_H_
#define LASSO_KERNELS_CONV_WINOGRAD_TILE_H_

#include "kernels/conv/winograd_isa.h"
#include "kernels/cpu/narrow.h"
#include "kernels/cpu/simd.h"
#include "kernels/cpu/vector_math.h"

namespace lasso::kernels {

namespace {  // NOLINT(google-build-namespaces): see above

// x = B^T x, with the rows [4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0],
// [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0] and [0, 4, 0, -5, 0, 1].
template <typename V>
void transform_image(typename V::F (&x)[kWinogradImage]) {
  using F = typename V::F;
  const F four = V::set1(4.0F);
  const F five = V::set1(5.0F);
  const F even = V::fnma(four, x[2], x[4]);
  const F odd = V::fnma(four, x[1], x[3]);
  const F near = V::sub(x[4], x[2]);
  const F far = V::sub(x[3], x[1]);
  const F first = V::fma(four, x[0], V::fnma(five, x[2], x[4]));
  const F last = V::fma(four, x[1], V::fnma(five, x[3], x[5]));
  const F twice = V::add(far, far);
  x[0] = first;
  x[1] = V::add(even, odd);
  x[2] = V::sub(even, odd);
  x[3] = V::add(near, twice);
  x[4] = V::sub(near, twice);
  x[5] = last;
}

// y = A^T x, with the rows [1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0] and
// [0, 1, -1, 8, -8, 1].
template <typename V>
void transform_result(const typename V::F (&x)[kWinogradImage],
                      typename V::F (&y)[kWinogradResult]) {
  using F = typename V::F;
  const F sum = V::add(x[1], x[2]);
  const F difference = V::sub(x[1], x[2]);
  const F far_sum = V::add(x[3], x[4]);
  const F far_difference = V::sub(x[3], x[4]);
  y[0] = V::add(V::add(x[0], sum), far_sum);
  y[1] = V::fma(V::set1(2.0F), far_difference, difference);
  y[2] = V::fma(V::set1(4.0F), far_sum, sum);
  y[3] = V::add(V::fma(V::set1(8.0F), far_difference, difference), x[5]);
}

// `count` lanes of a vector of channels.
template <typename V, typename T>
void image_vector(const WinogradImageTile& t, std::int64_t c, std::int64_t count) {
  const auto mask = V::first(count);
  const auto load = [&](const void* pixel) {
    const T* from = static_cast<const T*>(pixel) + c;
    return count < V::kWidth ? load_first<V>(from, count) : load_vector<V>(from);
  };
  typename V::F rows[kWinogradImage][kWinogradImage];
#pragma GCC unroll 6
  for (int j = 0; j < kWinogradImage; ++j) {
    typename V::F x[kWinogradImage];
#pragma GCC unroll 6
    for (int i = 0; i < kWinogradImage; ++i) {
      x[i] = load(t.pixels[i * kWinogradImage + j]);
    }
    transform_image<V>(x);
#pragma GCC unroll 6
    for (int i = 0; i < kWinogradImage; ++i) rows[i][j] = x[i];
  }
#pragma GCC unroll 6
  for (int i = 0; i < kWinogradImage; ++i) {
    transform_image<V>(rows[i]);
#pragma GCC unroll 6
    for (int j = 0; j < kWinogradImage; ++j) {
      V::store(t.v + (i * kWinogradImage + j) * t.step + c, mask, rows[i][j]);
    }
  }
}

template <typename V>
void winograd_image(const WinogradImageTile& t) {
  for (std::int64_t c = 0; c < t.channels; c += V::kWidth) {
    const std::int64_t count = t.channels - c < V::kWidth ? t.channels - c : V::kWidth;
    if (t.bf16) {
      image_vector<V, std::uint16_t>(t, c, count);
    } else {
      image_vector<V, float>(t, c, count);
    }
  }
}

// The pixels of a row of a tile, of sums that lack their bias, for the first `count` columns from c
// on.
template <typename V>
void store_pixels(const WinogradResultTile& t, typename V::F (&y)[kWinogradResult], int row, int c,
                  std::int64_t count) {
  const auto bias = load_first<V>(t.bias + c, count);
#pragma GCC unroll 4
  for (int j = 0; j < kWinogradResult; ++j) y[j] = V::add(y[j], bias);
  if (t.bf16 && t.activation == graph::Activation::kSilu) {
    vector_silu_narrow<V>(y);
  } else {
#pragma GCC unroll 4
    for (int j = 0; j < kWinogradResult; ++j) y[j] = vector_activate<V>(t.activation, y[j]);
  }
  for (int j = 0; j < kWinogradResult; ++j) {
    void* out = t.y[row * kWinogradResult + j];
    if (out == nullptr) continue;
    if (t.bf16) {
      store_first<V>(static_cast<std::uint16_t*>(out) + c, count,
                     [&](std::uint16_t* to) { Narrow<V>::store_bf16(to, y[j]); });
    } else {
      V::store(static_cast<float*>(out) + c, V::first(count), y[j]);
    }
  }
}

template <typename V>
void winograd_result(const WinogradResultTile& t) {
  for (int c = 0; c < t.columns; c += V::kWidth) {
    const int count = t.columns - c < V::kWidth ? t.columns - c : V::kWidth;
    const auto mask = V::first(count);
    typename V::F rows[kWinogradResult][kWinogradImage];
#pragma GCC unroll 6
    for (int j = 0; j < kWinogradImage; ++j) {
      typename V::F x[kWinogradImage];
      typename V::F y[kWinogradResult];
#pragma GCC unroll 6
      for (int i = 0; i < kWinogradImage; ++i) {
        x[i] = V::load(t.m + (i * kWinogradImage + j) * t.step + c, mask);
      }
      transform_result<V>(x, y);
#pragma GCC unroll 4
      for (int i = 0; i < kWinogradResult; ++i) rows[i][j] = y[i];
    }
#pragma GCC unroll 4
    for (int i = 0; i < kWinogradResult; ++i) {
      typename V::F y[kWinogradResult];
      transform_result<V>(rows[i], y);
      store_pixels<V>(t, y, i, c, count);
    }
  }
}

}  // namespace

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CONV_WINOGRAD_TILE_H_
