// What the processor does at most: multiply-adds on registers alone. Rates of kernels and models
// are given as a part of it, and the choice between kernels goes by it.
#ifndef LASSO_CORE_PEAK_H_
#define LASSO_CORE_PEAK_H_

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/cpu_features.h"

namespace lasso {

enum class MultiplyAdd : std::uint8_t {
  kFp32Avx2,    // 8 products an instruction
  kFp32Avx512,  // 16
  kBf16Avx512,  // 32, sums in fp32
  kInt8Avx512,  // 64, unsigned times signed, sums in int32
  kInt8Amx,     // 16384, likewise
  kBf16Amx,     // 8192, sums in fp32
};

inline constexpr std::array kMultiplyAdds{MultiplyAdd::kFp32Avx2,   MultiplyAdd::kFp32Avx512,
                                          MultiplyAdd::kBf16Avx512, MultiplyAdd::kInt8Avx512,
                                          MultiplyAdd::kInt8Amx,    MultiplyAdd::kBf16Amx};

struct MultiplyAddInfo {
  std::string_view precision;    // of the factors: "fp32", "bf16", "int8"
  std::string_view instruction;  // "vfmadd231ps"
  CpuFeature feature;            // that has it
  int products;                  // of one instruction
};

MultiplyAddInfo info(MultiplyAdd multiply_add);

// The widest in fp32 that kernels use on a CPU with these features; in bfloat16 and int8 those for
// such numbers, or fp32's where there are none.
MultiplyAdd fp32_multiply_add(CpuFeatures features);
MultiplyAdd bf16_multiply_add(CpuFeatures features);
MultiplyAdd int8_multiply_add(CpuFeatures features);

// Operations per second of so many threads at once, a multiplication and an addition being two.
// Each thread's own CPU time counts, so that others on the machine change little; hence there must
// be a core for every thread. One try of less than a millisecond; the CPU must have the
// instruction.
double multiply_add_rate(MultiplyAdd multiply_add, int threads);

// The best try of a tenth of a second.
double peak_rate(MultiplyAdd multiply_add, int threads);

// How fast each kind of multiply-add is on one core, in classes: powers of two of the rate of fp32
// with AVX2. An instruction that exists can be slower than a wider neighbour: some CPUs take
// bfloat16 products at half the rate of fp32's. By default what a CPU has that is as fast as its
// registers are wide.
class RateClasses {
 public:
  double rate(MultiplyAdd multiply_add) const { return std::exp2(exponent(multiply_add)); }
  int exponent(MultiplyAdd multiply_add) const { return exponents_[index(multiply_add)]; }
  // -8 to 8, as a file may say; throws kInvalidArgument otherwise.
  void set_exponent(MultiplyAdd multiply_add, int exponent);
  bool operator==(const RateClasses& other) const = default;

 private:
  static constexpr std::size_t index(MultiplyAdd multiply_add) {
    return static_cast<std::size_t>(multiply_add);
  }
  std::array<std::int8_t, kMultiplyAdds.size()> exponents_{0, 1, 2, 3, 6, 5};
};

// Measures them for the instructions among the features, interleaved, on the calling thread; about
// ten milliseconds. The result is that of the first call with these features in the process.
const RateClasses& measured_rates(CpuFeatures features);

}  // namespace lasso

#endif  // LASSO_CORE_PEAK_H_
