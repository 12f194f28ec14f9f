#include "kernels/cpu/bf16_arithmetic.h"

#include <algorithm>

namespace lasso::kernels::bf16 {

std::size_t Arithmetic::scratch_bytes(const Product& p) const {
  return widened != nullptr ? WidenedScratch(p).bytes : bf16::scratch_bytes(p);
}

double Arithmetic::cost(const Product& p, const backend::TargetInfo& target) const {
  const double operations = 2.0 * static_cast<double>(p.rows) * static_cast<double>(p.n) *
                            static_cast<double>(p.k) * p.weights;
  if (widened == nullptr) return operations / target.rate(MultiplyAdd::kBf16Avx512);
  // To widen an element of W takes about as long as two rows of the product by it.
  constexpr double kWidening = 2;
  const std::int64_t rows = std::min(p.rows, WidenedScratch(p).rows);
  const double share = kWidening / static_cast<double>(std::max<std::int64_t>(rows, 1));
  const CpuFeature feature = widened == &kProductAvx2 ? CpuFeature::kAvx2 : CpuFeature::kAvx512;
  return operations * (1 + share) / target.rate(fp32_multiply_add(feature));
}

const Arithmetic& arithmetic_of(CpuFeature feature) {
  static const Arithmetic bf16{kAvx512Bf16.round, nullptr};
  static const Arithmetic avx512{kProductAvx512.round, &kProductAvx512};
  static const Arithmetic avx2{kProductAvx2.round, &kProductAvx2};
  if (feature == CpuFeature::kAvx512Bf16) return bf16;
  return feature == CpuFeature::kAvx512 ? avx512 : avx2;
}

}  // namespace lasso::kernels::bf16
