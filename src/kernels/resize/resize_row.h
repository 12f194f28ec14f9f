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

// y = a x0 + b x1
template <typename V>
void blend(const float* x0, const float* x1, float a, float b, std::int64_t count, float* y) {
  const auto first = V::set1(a);
  const auto second = V::set1(b);
  for_vectors<V>(count, y, [&](std::int64_t /*i*/, auto load) {
    return V::fma(second, load(x1), V::mul(first, load(x0)));
  });
}

// Pixels of 4, 8 or 12 channels, four of them at a time: they are too few for vectors, and masks
// take longer.
inline void resize_quads(const ResizeRow& r, const float* x) {
  float* y = r.y;
  for (std::int64_t j = 0; j < r.pixels; ++j) {
    const float* left = x + r.left[j];
    if (r.nearest) {
      for (std::int64_t c = 0; c < r.channels; c += 4, y += 4) {
        _mm_storeu_ps(y, _mm_loadu_ps(left + c));
      }
      continue;
    }
    const float* right = x + r.right[j];
    const __m128 a = _mm_set1_ps(r.left_weights[j]);
    const __m128 b = _mm_set1_ps(r.right_weights[j]);
    for (std::int64_t c = 0; c < r.channels; c += 4, y += 4) {
      const __m128 first = _mm_mul_ps(a, _mm_loadu_ps(left + c));
      _mm_storeu_ps(y, _mm_fmadd_ps(b, _mm_loadu_ps(right + c), first));
    }
  }
}

template <typename V>
void resize_row(const ResizeRow& r) {
  const float* x = r.above;
  if (r.below != r.above) {
    blend<V>(r.above, r.below, r.row_weights[0], r.row_weights[1], r.row_floats, r.scratch);
    x = r.scratch;
  }
  if (r.channels == 1) {
    for_vectors<V>(r.pixels, r.y, [&](std::int64_t i, auto load) {
      const auto left = V::gather(x, r.left + i);
      if (r.nearest) return left;
      return V::fma(load(r.right_weights), V::gather(x, r.right + i),
                    V::mul(load(r.left_weights), left));
    });
    return;
  }
  if (r.channels % 4 == 0 && r.channels < V::kWidth) return resize_quads(r, x);
  float* y = r.y;
  for (std::int64_t j = 0; j < r.pixels; ++j, y += r.channels) {
    if (r.nearest) {
      for_vectors<V>(r.channels, y,
                     [&](std::int64_t /*i*/, auto load) { return load(x + r.left[j]); });
    } else {
      blend<V>(x + r.left[j], x + r.right[j], r.left_weights[j], r.right_weights[j], r.channels, y);
    }
  }
}

}  // namespace

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_RESIZE_RESIZE_ROW_H_
