#include "kernels/cpu/int8_product.h"

namespace lasso::kernels {

const Int8Isa& int8_isa(CpuFeature feature) {
  if (feature == CpuFeature::kAvx512Vnni) return kInt8Avx512Vnni;
  return feature == CpuFeature::kAvxVnni ? kInt8AvxVnni : kInt8Avx2;
}

double int8_rate(CpuFeature feature, const backend::TargetInfo& target) {
  if (feature == CpuFeature::kAvx512Vnni) return target.rate(MultiplyAdd::kInt8Avx512);
  // AVX-VNNI sums up four products in place of one; without it, two halves of as many int16 take an
  // instruction more.
  return feature == CpuFeature::kAvxVnni ? 4.0 : 1.5;
}

}  // namespace lasso::kernels
