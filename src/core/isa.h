// Instruction sets of the CPU, and the cap a user may put on them.
#ifndef LASSO_CORE_ISA_H_
#define LASSO_CORE_ISA_H_

#include <cstdint>
#include <string_view>

namespace lasso {

// Ordered: a CPU that has one has all those before it, but for kAvxVnni, which CPUs with AVX-512
// need not have: cpu_has_avx_vnni() says so. kReference is plain C++ loops (which the compiler may
// vectorise with the baseline, AVX2).
enum class Isa : std::uint8_t {
  kReference,
  kAvx2,        // AVX2, FMA, F16C: the baseline of the build
  kAvxVnni,     // + AVX-VNNI (int8, on 256 bits)
  kAvx512,      // AVX-512 F, BW, DQ, VL
  kAvx512Vnni,  // + VNNI (int8)
  kAvx512Bf16,  // + BF16
};

std::string_view to_string(Isa isa);  // "avx2", "avx512", ...
// The inverse; throws kInvalidArgument and names the allowed values.
Isa isa_from_string(std::string_view name);

// The best ISA that this CPU and its operating system support; throws kUnsupported below AVX2.
Isa cpu_isa();

bool cpu_has_avx_vnni();

// The best ISA that kernels may use: cpu_isa(), or less where the environment variable
// LASSO_MAX_ISA says so. It is read once, since oneDNN, which gets the same cap, fixes its choice
// at first use. Throws kInvalidArgument for a name that isa_from_string() refuses.
Isa usable_isa();

}  // namespace lasso

#endif  // LASSO_CORE_ISA_H_
