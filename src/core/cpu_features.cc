#include "core/cpu_features.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <fstream>

#include "core/check.h"

namespace lasso {

namespace {

struct Row {
  CpuFeature feature;
  std::string_view name;
  bool (*is_supported)();
};

bool has_baseline() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}

bool has_avx_vnni() {
  // CPUID leaf 7, subleaf 1, EAX bit 4.
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  return has_baseline() && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 &&
         (eax & 0x10U) != 0;
}

bool has_avx512() {
  return has_baseline() && __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}

bool has_avx512_vnni() { return has_avx512() && __builtin_cpu_supports("avx512vnni"); }
bool has_avx512_bf16() { return has_avx512() && __builtin_cpu_supports("avx512bf16"); }

// CPUID leaf 7, EDX: 22 bfloat16, 24 tiles, 25 bytes.
bool cpu_has_amx(unsigned product_bit) {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  const unsigned needed = (1U << 24U) | (1U << product_bit);
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (edx & needed) == needed;
}
bool cpu_has_amx_bf16() { return cpu_has_amx(22); }
bool cpu_has_amx_int8() { return cpu_has_amx(25); }

// Linux 5.16 and later saves tiles only of processes that have asked for it, since they are 8 KiB
// of each thread's state; older ones refuse.
bool tiles_are_permitted() {
  static const bool are_permitted = [] {
    constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
    constexpr long kTileData = 18;               // XFEATURE_XTILEDATA
    return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  }();
  return are_permitted;
}

bool has_avx512_of_amx() { return has_avx512_vnni() && has_avx512_bf16(); }
bool has_amx_bf16() { return has_avx512_of_amx() && cpu_has_amx_bf16() && tiles_are_permitted(); }
bool has_amx_int8() { return has_avx512_of_amx() && cpu_has_amx_int8() && tiles_are_permitted(); }

using enum CpuFeature;
constexpr std::array kTable{
    Row{kAvx2, "avx2", has_baseline},
    Row{kAvxVnni, "avx_vnni", has_avx_vnni},
    Row{kAvx512, "avx512", has_avx512},
    Row{kAvx512Vnni, "avx512_vnni", has_avx512_vnni},
    Row{kAvx512Bf16, "avx512_bf16", has_avx512_bf16},
    Row{kAmxInt8, "amx_int8", has_amx_int8},
    Row{kAmxBf16, "amx_bf16", has_amx_bf16},
};

const Row& row_of(CpuFeature feature) { return kTable.at(static_cast<std::size_t>(feature)); }

const Row& row_of(std::string_view name) {
  std::string names;
  for (const Row& row : kTable) {
    if (row.name == name) return row;
    names += fmt::format("{}{}",
                         names.empty()            ? ""
                         : &row == &kTable.back() ? " or "
                                                  : ", ",
                         row.name);
  }
  fail(ErrorCode::kInvalidArgument, "instruction set \"{}\": expected {}", name, names);
}

CpuFeatures detect() {
  __builtin_cpu_init();
  LASSO_CHECK(has_baseline(), ErrorCode::kUnsupported,
              "this CPU has no AVX2, FMA and BMI2, which Lasso needs");
  CpuFeatures features;
  for (const Row& row : kTable) {
    if (row.is_supported()) features = features | row.feature;
  }
  return features;
}

std::string read_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos) {
      return line.substr(colon + 2);
    }
  }
  return "unknown";
}

}  // namespace

std::string_view to_string(CpuFeature feature) { return row_of(feature).name; }

std::string to_string(CpuFeatures features) {
  std::string text;
  for (const Row& row : kTable) {
    if (!features.has(row.feature)) continue;
    bool is_included = false;
    for (const Row& other : kTable) {
      is_included = is_included || (other.feature != row.feature && features.has(other.feature) &&
                                    CpuFeatures(other.feature).has(row.feature));
    }
    if (!is_included) text += fmt::format("{}{}", text.empty() ? "" : "+", row.name);
  }
  return text.empty() ? "none" : text;
}

CpuFeatures cpu_features_from_string(std::string_view names) {
  CpuFeatures features;
  while (true) {
    const std::size_t plus = names.find('+');
    features = features | row_of(names.substr(0, plus)).feature;
    if (plus == std::string_view::npos) return features;
    names.remove_prefix(plus + 1);
  }
}

std::string_view best_name(CpuFeatures features) {
  std::string_view best = "reference";
  for (const Row& row : kTable) {
    if (features.has(row.feature)) best = row.name;
  }
  return best;
}

std::vector<std::string_view> cpu_feature_names() {
  std::vector<std::string_view> names;
  for (const Row& row : kTable) names.push_back(row.name);
  return names;
}

CpuFeatures cpu_feature_cap(std::string_view name) {
  const Row& last = row_of(name);
  CpuFeatures features;
  for (const Row& row : kTable) {
    if (row.feature <= last.feature) features = features | row.feature;
  }
  return features;
}

CpuFeatures cpu_features() {
  static const CpuFeatures features = detect();
  return features;
}

std::string_view refusal(CpuFeature feature) {
  const bool is_there =
      (feature == kAmxInt8 && cpu_has_amx_int8()) || (feature == kAmxBf16 && cpu_has_amx_bf16());
  if (!is_there || tiles_are_permitted()) return {};
  return "the operating system refuses AMX's tiles";
}

CpuFeatures cpu_features(std::string_view cap) {
  return cap.empty() ? cpu_features() : cpu_features() & cpu_feature_cap(cap);
}

const std::string& cpu_model() {
  static const std::string model = read_model();
  return model;
}

}  // namespace lasso
