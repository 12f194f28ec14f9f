// A row of Resize's result, written once for all instruction sets. Internal linkage, as in simd.h.
#ifndef LASSO_KERNELS_RESIZE_RESIZE_ROW_H_
#define LASSO_KERNELS_RESIZE_RESIZE_ROW_H_

#include "kernels/cpu/simd.h"
#include "kernels/resize/resize_isa.h"

namespace lasso::kernels {

namespace {  // NOLINT(google-build-namespaces): see above

// y[i] = f(i, load) for vectors of `count` elements; load(p) gives those of p from i on.
template <typename V, typename F>
void for_vectors(std::int64_t count, float* y, const F& f) {
  std::int64_t i = 0;
  for (; i + V::kWidth <= count; i += V::kWidth) {
    V::store(y + i, f(i, [i](const float* p) { return V::load(p + i); }));
  }
  if (i < count) {
    const auto mask = V::first(count - i);
    V::store(y + i, mask, f(i, [i, mask](const float* p) { return V::load(p + i, mask); }));
  }
}

// The sum of what weight(k) and x(k) give for k < kTaps, in that order; of one, x(0).
template <typename V, int kTaps, typename Weight, typename X>
typename V::F weighted_sum(const Weight& weight, const X& x) {
  if constexpr (kTaps == 1) return x(0);
  auto sum = V::mul(weight(0), x(0));
  for (int k = 1; k < kTaps; ++k) sum = V::fma(weight(k), x(k), sum);
  return sum;
}

// y = the sum of weights[k] x[k], of vectors.
template <typename V, int kTaps>
void blend(const float* const* x, const float* weights, std::int64_t count, float* y) {
  for_vectors<V>(count, y, [&](std::int64_t /*i*/, auto load) {
    return weighted_sum<V, kTaps>([&](int k) { return V::set1(weights[k]); },
                                  [&](int k) { return load(x[k]); });
  });
}

// Pixels of 4, 8 or 12 channels, four of them at a time: they are too few for vectors, and masks
// take longer.
template <int kTaps>
void resize_quads(const ResizeRow& r, const float* x) {
  float* y = r.y;
  for (std::int64_t j = 0; j < r.pixels; ++j) {
    for (std::int64_t c = 0; c < r.channels; c += 4, y += 4) {
      const auto load = [&](int k) { return _mm_loadu_ps(x + r.places[k][j] + c); };
      __m128 sum = load(0);
      if constexpr (kTaps > 1) {
        sum = _mm_mul_ps(_mm_set1_ps(r.weights[0][j]), sum);
        for (int k = 1; k < kTaps; ++k) {
          sum = _mm_fmadd_ps(_mm_set1_ps(r.weights[k][j]), load(k), sum);
        }
      }
      _mm_storeu_ps(y, sum);
    }
  }
}

// Elements that are read one by one.
template <typename V, int kTaps>
void resize_elements(const ResizeRow& r, const float* x) {
  for_vectors<V>(r.pixels, r.y, [&](std::int64_t i, auto load) {
    const float* window = r.windows == nullptr ? x : x + r.windows[i / V::kWidth];
    return weighted_sum<V, kTaps>([&](int k) { return load(r.weights[k]); },
                                  [&](int k) {
                                    const std::int32_t* places = r.places[k] + i;
                                    return r.windows == nullptr ? V::gather(window, places)
                                                                : V::lookup(window, places);
                                  });
  });
}

template <typename V, int kTaps>
void resize_row_of(const ResizeRow& r) {
  const float* x = r.rows[0];
  if (kTaps > 2 || (kTaps == 2 && r.rows[1] != r.rows[0])) {
    blend<V, kTaps>(r.rows, r.row_weights, r.row_floats, r.scratch);
    x = r.scratch;
  }
  if (r.channels == 1) return resize_elements<V, kTaps>(r, x);
  if (r.channels % 4 == 0 && r.channels < V::kWidth) return resize_quads<kTaps>(r, x);
  float* y = r.y;
  for (std::int64_t j = 0; j < r.pixels; ++j, y += r.channels) {
    const float* pixels[kMostTaps] = {};
    float weights[kMostTaps] = {};
    for (int k = 0; k < kTaps; ++k) {
      pixels[k] = x + r.places[k][j];
      weights[k] = r.weights[k][j];
    }
    blend<V, kTaps>(pixels, weights, r.channels, y);
  }
}

template <typename V>
void resize_row(const ResizeRow& r) {
  if (r.taps == 1) return resize_row_of<V, 1>(r);
  if (r.taps == 2) return resize_row_of<V, 2>(r);
  resize_row_of<V, 4>(r);
}

}  // namespace

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_RESIZE_RESIZE_ROW_H_
