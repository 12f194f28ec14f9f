#include "core/isa.h"

#include <cpuid.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "core/check.h"

namespace lasso {

namespace {

constexpr std::array<std::pair<Isa, std::string_view>, 6> kNames{{
    {Isa::kReference, "reference"},
    {Isa::kAvx2, "avx2"},
    {Isa::kAvxVnni, "avx_vnni"},
    {Isa::kAvx512, "avx512"},
    {Isa::kAvx512Vnni, "avx512_vnni"},
    {Isa::kAvx512Bf16, "avx512_bf16"},
}};

Isa detect() {
  __builtin_cpu_init();
  LASSO_CHECK(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                  __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2"),
              ErrorCode::kUnsupported, "this CPU has no AVX2, FMA and BMI2, which Lasso needs");
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl")) {
    return cpu_has_avx_vnni() ? Isa::kAvxVnni : Isa::kAvx2;
  }
  if (!__builtin_cpu_supports("avx512vnni")) return Isa::kAvx512;
  return __builtin_cpu_supports("avx512bf16") ? Isa::kAvx512Bf16 : Isa::kAvx512Vnni;
}

}  // namespace

std::string_view to_string(Isa isa) {
  for (const auto& [value, name] : kNames) {
    if (value == isa) return name;
  }
  return "unknown";
}

Isa isa_from_string(std::string_view name) {
  for (const auto& [value, text] : kNames) {
    if (text == name && value != Isa::kReference) return value;
  }
  fail(ErrorCode::kInvalidArgument,
       "instruction set \"{}\": expected avx2, avx_vnni, avx512, avx512_vnni or avx512_bf16", name);
}

Isa cpu_isa() {
  static const Isa isa = detect();
  return isa;
}

bool cpu_has_avx_vnni() {
  // CPUID leaf 7, subleaf 1, EAX bit 4.
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && (eax & 0x10U) != 0;
}

Isa usable_isa() {
  static const Isa isa = [] {
    const char* name = std::getenv("LASSO_MAX_ISA");
    if (name == nullptr || *name == '\0') return cpu_isa();
    const Isa best = std::min(isa_from_string(name), cpu_isa());
    return best == Isa::kAvxVnni && !cpu_has_avx_vnni() ? Isa::kAvx2 : best;
  }();
  return isa;
}

}  // namespace lasso
