// A tile of an int8 product, written once for all instruction sets. Internal linkage, as in simd.h.
//
// An instruction set D has: V, its vectors of float32; kRows and kVectors, the accumulators of a
// tile; kColumns, those of one of them; X, the element type of x; and on its integers I
//   zero(correction): what a sum starts from
//   weights(w): of kColumns columns and four k
//   broadcast(x): four elements of x for every column
//   dot(sum, x, w): sum + x w
//   store(sums, out): kVectors accumulators as kVectors * kColumns int32
#ifndef LASSO_KERNELS_CPU_INT8_TILE_H_
#define LASSO_KERNELS_CPU_INT8_TILE_H_

#include <cstring>

#include "kernels/cpu/finish_product.h"
#include "kernels/cpu/int8_product.h"
#include "kernels/cpu/simd.h"

namespace lasso::kernels {

namespace {  // NOLINT(google-build-namespaces): see above

template <typename D>
constexpr int kStrip = D::kVectors* D::kColumns;

// The sums of kRows rows and a strip of columns stay in registers over the whole of k.
template <typename D, int kRows>
void sum_tile(const Int8Tile& t, std::int32_t* sums) {
  typename D::I acc[kRows][D::kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < D::kVectors; ++v) acc[r][v] = D::zero(t.correction + v * D::kColumns);
  }
  // A pointer for three rows, which the others are reached from by the stride: more would not fit
  // into the registers.
  constexpr int kPointers = (kRows + 2) / 3;
  const std::int64_t stride = t.x_stride;
  const typename D::X* x[kPointers];
#pragma GCC unroll 4
  for (int i = 0; i < kPointers; ++i) {
    x[i] = static_cast<const typename D::X*>(t.x) + 3 * i * stride;
  }
  const std::int8_t* weights = t.weights;
  for (int piece = 0; piece < t.pieces; ++piece) {
    const std::int64_t begin = t.piece_offsets[piece];
    const std::int64_t end = begin + t.groups * kInt8Group;
    for (std::int64_t k = begin; k < end; k += kInt8Group) {
      typename D::I w[D::kVectors];
#pragma GCC unroll 4
      for (int v = 0; v < D::kVectors; ++v) {
        w[v] = D::weights(weights + v * D::kColumns * kInt8Group);
      }
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        const auto four = D::broadcast(x[r / 3] + (r % 3) * stride + k);
#pragma GCC unroll 4
        for (int v = 0; v < D::kVectors; ++v) acc[r][v] = D::dot(acc[r][v], four, w[v]);
      }
      weights += kInt8Panel * kInt8Group;
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) D::store(acc[r], sums + r * kStrip<D>);
}

// Asks for the lines of y and r before the sums are taken. Inlined by force: GCC 12 takes a
// function that only prefetches for one without effect, and drops the call.
__attribute__((always_inline)) inline void prefetch_results(const Int8Tile& t) {
  constexpr int kLine = 64;
  const int size = t.output == DType::kF32 ? 4 : t.output == DType::kBF16 ? 2 : 1;
  const int y_bytes = t.columns * size;
  for (int r = 0; r < t.rows; ++r) {
    const char* y = static_cast<const char*>(t.y) + r * t.y_stride * size;
    for (int i = 0; i < y_bytes; i += kLine) __builtin_prefetch(y + i, 1);
    if (t.residual == nullptr) continue;
    const float* residual = t.residual + r * t.residual_stride;
    for (int i = 0; i < t.columns; i += kLine / 4) __builtin_prefetch(residual + i);
  }
}

template <typename D, int kRows = D::kRows>
void run_tile(const Int8Tile& t) {
  if (t.rows == kRows) {
    alignas(64) std::int32_t sums[kRows * kStrip<D>];
    prefetch_results(t);
    sum_tile<D, kRows>(t, sums);
    finish_product<typename D::V>(t, sums, kStrip<D>, {0, t.rows, 0, t.columns});
  } else if constexpr (kRows > 1) {
    run_tile<D, kRows - 1>(t);
  }
}

inline void prepare_u8(const std::uint8_t* x, std::int64_t count, int /*zero*/, void* prepared) {
  std::memcpy(prepared, x, static_cast<std::size_t>(count));
}

template <typename D>
constexpr Int8Isa int8_isa() {
  return {.rows = D::kRows,
          .columns = kStrip<D>,
          .x_bytes = sizeof(typename D::X),
          .prepare = D::kPrepare,
          .run = run_tile<D>,
          .quantize = quantize_vectors<typename D::V>};
}

}  // namespace

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CPU_INT8_TILE_H_
