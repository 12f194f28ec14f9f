#include "core/isa.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "core/check.h"

namespace lasso {

namespace {

constexpr std::array<std::pair<Isa, std::string_view>, 5> kNames{{
    {Isa::kReference, "reference"},
    {Isa::kAvx2, "avx2"},
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
    return Isa::kAvx2;
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
       "instruction set \"{}\": expected avx2, avx512, avx512_vnni or avx512_bf16", name);
}

Isa cpu_isa() {
  static const Isa isa = detect();
  return isa;
}

Isa usable_isa() {
  static const Isa isa = [] {
    const char* name = std::getenv("LASSO_MAX_ISA");
    if (name == nullptr || *name == '\0') return cpu_isa();
    return std::min(isa_from_string(name), cpu_isa());
  }();
  return isa;
}

}  // namespace lasso
