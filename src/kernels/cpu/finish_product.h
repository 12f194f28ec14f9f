// From the sums of a product to its results, written once for all instruction sets. Internal
// linkage, as in simd.h.
#ifndef LASSO_KERNELS_CPU_FINISH_PRODUCT_H_
#define LASSO_KERNELS_CPU_FINISH_PRODUCT_H_

#include <type_traits>

#include "kernels/cpu/narrow.h"
#include "kernels/cpu/product_results.h"
#include "kernels/cpu/simd.h"
#include "kernels/cpu/vector_math.h"

namespace lasso::kernels {

namespace {  // NOLINT(google-build-namespaces): internal linkage, as in simd.h

// Rows [row, row_end) of sums and columns [column, column_end) of a tile; of the results, rows are
// `shift` further on.
struct ResultPart {
  int row, row_end, column, column_end;
  std::int64_t shift = 0;
};

// Rows whose steps stand beside each other, since one vector alone would wait for most of its time.
template <typename V>
constexpr int kRowsTogether = V::kRegisters == 32 ? 6 : 3;

// The first `lanes` numbers of y as the tile's type, at column c of its result's rows.
template <typename V, int kCount>
__attribute__((always_inline)) inline void store_results(const ProductResults& t,
                                                         const AffineRounding<V>& rounding,
                                                         const std::int64_t (&rows)[kCount], int c,
                                                         int lanes,
                                                         const typename V::F (&y)[kCount]) {
  const auto store_each = [&](auto* results, const auto& store) {
#pragma GCC unroll 8
    for (int i = 0; i < kCount; ++i) {
      store_first<V>(results + rows[i] * t.y_stride + c, lanes,
                     [&](auto* out) { store(out, y[i]); });
    }
  };
  if (t.output == DType::kF32) {
    for (int i = 0; i < kCount; ++i) {
      V::store(static_cast<float*>(t.y) + rows[i] * t.y_stride + c, V::first(lanes), y[i]);
    }
  } else if (t.output == DType::kBF16) {
    store_each(static_cast<std::uint16_t*>(t.y), Narrow<V>::store_bf16);
  } else {
    store_each(static_cast<std::uint8_t*>(t.y),
               [&](std::uint8_t* out, typename V::F x) { rounding.store(out, x); });
  }
}

// GELU of what will be quantised is exact to the largest of a row, that of bfloat16 to each number.
template <typename V, graph::Activation kActivation, bool kNarrow, typename Sum, int kCount>
void activate_vectors(typename V::F (&y)[kCount]) {
  using graph::Activation;
  if constexpr (kNarrow && kActivation == Activation::kSilu) {
    vector_silu_narrow<V>(y);
  } else if constexpr (kNarrow && kActivation == Activation::kGelu) {
    for (auto& x : y) {
      x = std::is_same_v<Sum, float> ? vector_gelu_half<V>(x) : vector_gelu_narrow<V>(x);
    }
  } else {
    for (auto& x : y) x = vector_activate<V, kActivation>(x);
  }
}

template <typename V, int kTogether, graph::Activation kActivation, bool kNarrow, typename Sum>
void finish_product(const ProductResults& t, const Sum* sums, int stride, const ResultPart& part) {
  const AffineRounding<V> rounding(t.y_inverse, t.y_zero);
  for (int c = part.column; c < part.column_end; c += V::kWidth) {
    const int lanes = part.column_end - c < V::kWidth ? part.column_end - c : V::kWidth;
    const auto mask = V::first(lanes);
    auto scales = V::zero();
    auto bias = V::zero();
    if constexpr (!std::is_same_v<Sum, float>) {
      scales = V::load(t.scales + c);
      bias = V::load(t.bias + c);
    }
    const auto gain = t.output_gain != nullptr ? V::load(t.output_gain + c) : V::set1(1.0F);
    for (int first = part.row; first < part.row_end; first += kTogether) {
      std::int64_t rows[kTogether];  // of results; the last one stands for those beyond
      typename V::F y[kTogether];
#pragma GCC unroll 8
      for (int i = 0; i < kTogether; ++i) {
        const int row = first + i < part.row_end ? first + i : part.row_end - 1;
        rows[i] = row + part.shift;
        const Sum* at = sums + row * stride + c;
        if constexpr (std::is_same_v<Sum, float>) {
          y[i] = V::load(at);
        } else {
          const auto scale =
              t.x_scales != nullptr ? V::mul(V::set1(t.x_scales[rows[i]]), scales) : scales;
          y[i] = V::fma(Narrow<V>::load_i32(at), scale, bias);
        }
      }
      activate_vectors<V, kActivation, kNarrow, Sum>(y);
      for (int i = 0; t.residual != nullptr && i < kTogether; ++i) {
        y[i] = V::add(y[i], V::load(t.residual + rows[i] * t.residual_stride + c, mask));
      }
      for (int i = 0; t.output_gain != nullptr && i < kTogether; ++i) y[i] = V::mul(y[i], gain);
      store_results<V>(t, rounding, rows, c, lanes, y);
    }
  }
}

template <typename V, int kTogether, bool kNarrow, typename Sum>
void finish_product(const ProductResults& t, const Sum* sums, int stride, const ResultPart& part) {
  using graph::Activation;
  switch (t.activation) {
    case Activation::kNone:
      return finish_product<V, kTogether, Activation::kNone, kNarrow>(t, sums, stride, part);
    case Activation::kGelu:
      return finish_product<V, kTogether, Activation::kGelu, kNarrow>(t, sums, stride, part);
    case Activation::kRelu:
      return finish_product<V, kTogether, Activation::kRelu, kNarrow>(t, sums, stride, part);
    case Activation::kSigmoid:
      return finish_product<V, kTogether, Activation::kSigmoid, kNarrow>(t, sums, stride, part);
    case Activation::kSilu:
      return finish_product<V, kTogether, Activation::kSilu, kNarrow>(t, sums, stride, part);
    case Activation::kLeakyRelu:
      return finish_product<V, kTogether, Activation::kLeakyRelu, kNarrow>(t, sums, stride, part);
  }
}

// The sums' rows are `stride` apart.
template <typename V, int kTogether = kRowsTogether<V>, typename Sum>
void finish_product(const ProductResults& t, const Sum* sums, int stride, const ResultPart& part) {
  if (t.narrow) {
    finish_product<V, kTogether, true>(t, sums, stride, part);
  } else {
    finish_product<V, kTogether, false>(t, sums, stride, part);
  }
}

}  // namespace

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CPU_FINISH_PRODUCT_H_
