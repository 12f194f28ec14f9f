// Between precisions: Quantize (rows to uint8), QuantizeTensor (all numbers by one scheme) and Cast
// (between any two types; on the CPU by the reference alone, but between float32 and bfloat16).
#ifndef LASSO_KERNELS_QUANTIZE_QUANTIZE_H_
#define LASSO_KERNELS_QUANTIZE_QUANTIZE_H_

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
  DType input = DType::kF32;  // or bfloat16, float16
  bool gain = false;
};

// graph::QuantizeTensor of `count` numbers.
struct QuantizeTensorProblem {
  std::int64_t count = 0;
  DType input = DType::kF32;  // or bfloat16
  graph::Affine scheme = {};
};

struct CastProblem {
  std::int64_t count = 0;
  DType from = DType::kF32;
  DType to = DType::kBF16;
};

// Best first, reference last.
const std::vector<Kernel<QuantizeProblem>>& quantize_kernels();
const std::vector<Kernel<QuantizeTensorProblem>>& quantize_tensor_kernels();
const std::vector<Kernel<CastProblem>>& cast_kernels();

const Family& quantize_family();
const Family& quantize_tensor_family();
const Family& cast_family();

// The rows of the lists.
extern const Kernel<QuantizeProblem> kQuantizeAvx512;
extern const Kernel<QuantizeProblem> kQuantizeAvx2;
extern const Kernel<QuantizeProblem> kQuantizeRef;
extern const Kernel<QuantizeTensorProblem> kQuantizeTensorAvx512;
extern const Kernel<QuantizeTensorProblem> kQuantizeTensorAvx2;
extern const Kernel<QuantizeTensorProblem> kQuantizeTensorRef;
extern const Kernel<CastProblem> kCastAvx512;
extern const Kernel<CastProblem> kCastAvx2;
extern const Kernel<CastProblem> kCastRef;

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_QUANTIZE_QUANTIZE_H_
