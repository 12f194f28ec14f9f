// What the processor does at most: multiply-adds on registers alone. Rates of kernels and models
// are given as a part of it.
#ifndef LASSO_CORE_PEAK_H_
#define LASSO_CORE_PEAK_H_

#include <array>
#include <cstdint>
#include <string_view>

#include "core/isa.h"

namespace lasso {

enum class MultiplyAdd : std::uint8_t {
  kFp32Avx2,    // 8 products an instruction
  kFp32Avx512,  // 16
  kBf16Avx512,  // 32, sums in fp32
  kInt8Avx512,  // 64, unsigned times signed, sums in int32
};

inline constexpr std::array kMultiplyAdds{MultiplyAdd::kFp32Avx2, MultiplyAdd::kFp32Avx512,
                                          MultiplyAdd::kBf16Avx512, MultiplyAdd::kInt8Avx512};

struct MultiplyAddInfo {
  std::string_view precision;    // of the factors: "fp32", "bf16", "int8"
  std::string_view instruction;  // "vfmadd231ps"
  Isa isa;                       // the first that has it
  int products;                  // of one instruction
};

MultiplyAddInfo info(MultiplyAdd multiply_add);

// The widest in fp32 that kernels of this ISA use.
MultiplyAdd fp32_multiply_add(Isa isa);

// Operations per second of so many threads at once, a multiplication and an addition being two.
// Each thread's own CPU time counts, so that others on the machine change little; hence there must
// be a core for every thread. One try of less than a millisecond; the CPU must have the
// instruction.
double multiply_add_rate(MultiplyAdd multiply_add, int threads);

// The best try of a tenth of a second.
double peak_rate(MultiplyAdd multiply_add, int threads);

}  // namespace lasso

#endif  // LASSO_CORE_PEAK_H_
