// A row of Pool2d's result, written once for all instruction sets. Internal linkage, as in simd.h.
#ifndef LASSO_KERNELS_POOL_POOL_ROW_H_
#define LASSO_KERNELS_POOL_POOL_ROW_H_

#include "kernels/cpu/simd.h"
#include "kernels/pool/pool_isa.h"

namespace lasso::kernels {

namespace {  // NOLINT(google-build-namespaces): see above

template <typename V>
struct Largest {
  static constexpr float kOfNothing = -__builtin_inff();
  static typename V::F combine(typename V::F a, typename V::F b) { return V::max_or_nan(a, b); }
};

template <typename V>
struct Sum {
  static constexpr float kOfNothing = 0.0F;
  static typename V::F combine(typename V::F a, typename V::F b) { return V::add(a, b); }
};

// y[i] = finish(the combination of x[i + k * step] for k < count) for i < size; count > 0.
template <typename V, typename Combination, typename Finish>
void combine(const float* x, std::int64_t count, std::int64_t step, std::int64_t size, float* y,
             const Finish& finish) {
  using F = typename V::F;
  constexpr std::int64_t kTogether = 4;
  std::int64_t i = 0;
  for (; i + kTogether * V::kWidth <= size; i += kTogether * V::kWidth) {
    F values[kTogether];
    for (std::int64_t j = 0; j < kTogether; ++j) values[j] = V::load(x + i + j * V::kWidth);
    const float* from = x + i;
    for (std::int64_t k = 1; k < count; ++k) {
      from += step;
      for (std::int64_t j = 0; j < kTogether; ++j) {
        values[j] = Combination::combine(values[j], V::load(from + j * V::kWidth));
      }
    }
    for (std::int64_t j = 0; j < kTogether; ++j) {
      V::store(y + i + j * V::kWidth, finish(values[j]));
    }
  }
  for (; i < size; i += V::kWidth) {
    const auto mask = V::first(size - i < V::kWidth ? size - i : V::kWidth);
    F value = V::load(x + i, mask);
    for (std::int64_t k = 1; k < count; ++k) {
      value = Combination::combine(value, V::load(x + i + k * step, mask));
    }
    V::store(y + i, mask, finish(value));
  }
}

template <typename V, typename Combination>
void pool_row(const PoolRow& r) {
  using F = typename V::F;
  const auto keep = [](F value) { return value; };
  const float* rows = r.x;
  if (r.rows > 1) {
    combine<V, Combination>(r.x, r.rows, r.row_step, r.width * r.channels, r.scratch, keep);
    rows = r.scratch;
  }
  float* y = r.y;
  for (std::int64_t j = 0; j < r.results; ++j, y += r.channels) {
    const PoolColumn& column = r.columns[j];
    if (r.rows == 0 || column.count == 0) {
      for (std::int64_t c = 0; c < r.channels; ++c) y[c] = Combination::kOfNothing;
      continue;
    }
    const float* x = rows + column.first * r.channels;
    const std::int64_t step = r.column_step * r.channels;
    if (r.average) {
      const F divisor = V::set1(r.divisor * column.divisor);
      combine<V, Combination>(x, column.count, step, r.channels, y,
                              [&](F sum) { return V::div(sum, divisor); });
    } else {
      combine<V, Combination>(x, column.count, step, r.channels, y, keep);
    }
  }
}

template <typename V>
void pool_row(const PoolRow& row) {
  if (row.average) {
    pool_row<V, Sum<V>>(row);
  } else {
    pool_row<V, Largest<V>>(row);
  }
}

}  // namespace

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_POOL_POOL_ROW_H_
