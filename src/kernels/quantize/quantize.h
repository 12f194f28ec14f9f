// Between precisions: Quantize (rows to uint8) and Cast (float32, bfloat16).
#ifndef LASSO_KERNELS_QUANTIZE_QUANTIZE_H_
#define LASSO_KERNELS_QUANTIZE_QUANTIZE_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/dtype.h"
#include "kernels/family.h"
#include "kernels/kernel.h"

namespace lasso::kernels {

// scale = max|x gain| / 127 of each row (1 for zeros), q = round(x gain / scale) + 128. Inputs x
// [rows, channels], gain? [channels]; outputs q [rows, channels], scales [rows].
struct QuantizeProblem {
  std::int64_t rows = 0;
  std::int64_t channels = 0;
  DType input = DType::kF32;  // or bfloat16
  bool gain = false;
};

struct CastProblem {
  std::int64_t count = 0;
  DType from = DType::kF32;
  DType to = DType::kBF16;
};

// Best first, reference last.
const std::vector<Kernel<QuantizeProblem>>& quantize_kernels();
const std::vector<Kernel<CastProblem>>& cast_kernels();

const Family& quantize_family();
const Family& cast_family();

// A row as the specification quantises it; returns the scale. Products with the reciprocal of the
// scale are rounded, as all kernels do, so that they agree bit for bit.
inline float quantize_row(const float* x, std::int64_t count, std::uint8_t* q) {
  float largest = 0.0F;
  for (std::int64_t i = 0; i < count; ++i) largest = std::max(largest, std::fabs(x[i]));
  const float scale = largest > 0.0F ? largest / 127.0F : 1.0F;
  const float inverse = 1.0F / scale;
  for (std::int64_t i = 0; i < count; ++i) {
    const float rounded = std::nearbyint(x[i] * inverse);
    q[i] = static_cast<std::uint8_t>(std::fmin(std::fmax(rounded, -127.0F), 127.0F) + 128.0F);
  }
  return scale;
}

// The rows of the lists.
extern const Kernel<QuantizeProblem> kQuantizeAvx512;
extern const Kernel<QuantizeProblem> kQuantizeAvx2;
extern const Kernel<QuantizeProblem> kQuantizeRef;
extern const Kernel<CastProblem> kCastAvx512;
extern const Kernel<CastProblem> kCastAvx2;
extern const Kernel<CastProblem> kCastRef;

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_QUANTIZE_QUANTIZE_H_
