// The inner parts of Quantize and Cast, which each instruction set has of its own. Nothing here
// makes code: files compiled for AVX-512 include it.
#ifndef LASSO_KERNELS_QUANTIZE_QUANTIZE_ISA_H_
#define LASSO_KERNELS_QUANTIZE_QUANTIZE_ISA_H_

#include <cstdint>

namespace lasso::kernels {

struct QuantizeRows {
  const void* x = nullptr;  // float32, or bfloat16
  bool bf16 = false;
  const float* gain = nullptr;  // null: ones
  std::uint8_t* q = nullptr;
  float* scales = nullptr;
  std::int64_t rows = 0;
  std::int64_t channels = 0;
};

// Numbers by one scheme (quant/number_schemes.h).
struct QuantizeRun {
  const void* x = nullptr;  // float32, or bfloat16
  bool bf16 = false;
  std::uint8_t* q = nullptr;
  std::int64_t count = 0;
  float inverse = 1;  // of the scale
  int zero = 0;
};

struct CastRun {
  const void* x = nullptr;
  void* y = nullptr;
  std::int64_t count = 0;
  bool to_bf16 = false;  // from float32; else the other way
};

void quantize_avx2(const QuantizeRows& rows);
void quantize_avx512(const QuantizeRows& rows);
void quantize_tensor_avx2(const QuantizeRun& run);
void quantize_tensor_avx512(const QuantizeRun& run);
void cast_avx2(const CastRun& run);
void cast_avx512(const CastRun& run);

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_QUANTIZE_QUANTIZE_ISA_H_
