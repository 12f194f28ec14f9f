#include "core/isa.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <mutex>
#include <optional>
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
  LASSO_CHECK(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"),
              ErrorCode::kUnsupported, "this CPU has no AVX2 and FMA, which Lasso needs");
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl")) {
    return Isa::kAvx2;
  }
  if (!__builtin_cpu_supports("avx512vnni")) return Isa::kAvx512;
  return __builtin_cpu_supports("avx512bf16") ? Isa::kAvx512Bf16 : Isa::kAvx512Vnni;
}

struct State {
  std::mutex mutex;
  std::optional<Isa> cap;
  bool used = false;
};

State& state() {
  static State instance;
  return instance;
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
  State& s = state();
  const std::lock_guard lock(s.mutex);
  if (!s.used) {
    s.used = true;
    const char* name = std::getenv("LASSO_MAX_ISA");
    if (!s.cap && name != nullptr && *name != '\0') s.cap = isa_from_string(name);
  }
  return s.cap ? std::min(*s.cap, cpu_isa()) : cpu_isa();
}

void cap_isa(Isa isa) {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  LASSO_CHECK(!s.used, ErrorCode::kInvalidArgument,
              "the instruction set must be capped before the first engine is compiled");
  s.cap = isa;
}

}  // namespace lasso
