// Features of the CPU that kernels are written for, as a set.
#ifndef LASSO_CORE_CPU_FEATURES_H_
#define LASSO_CORE_CPU_FEATURES_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace lasso {

// Each has a row in the table of cpu_features.cc: its name, and how it is found.
enum class CpuFeature : std::uint8_t {
  kAvx2,        // AVX2, FMA, F16C, BMI2: the baseline of the build
  kAvxVnni,     // AVX-VNNI: products of bytes on 256 bits
  kAvx512,      // AVX-512 F, BW, DQ, VL
  kAvx512Vnni,  // products of bytes on 512 bits
  kAvx512Bf16,  // products of bfloat16 numbers on 512 bits
  kAmxInt8,     // products of tiles of bytes
  kAmxBf16,     // products of tiles of bfloat16 numbers
};

// A set of features. It is closed: with a feature it has those that every CPU with it has.
class CpuFeatures {
 public:
  constexpr CpuFeatures() = default;
  constexpr CpuFeatures(CpuFeature feature)  // NOLINT(google-explicit-constructor): a set of one
      : bits_(bit(feature) | included(feature)) {}
  constexpr CpuFeatures(std::initializer_list<CpuFeature> features) {
    for (const CpuFeature feature : features) bits_ |= bit(feature) | included(feature);
  }

  constexpr bool has(CpuFeature feature) const { return (bits_ & bit(feature)) != 0; }
  constexpr bool contains(CpuFeatures other) const { return (other.bits_ & ~bits_) == 0; }
  constexpr bool empty() const { return bits_ == 0; }
  int size() const { return __builtin_popcount(bits_); }

  friend CpuFeatures operator|(CpuFeatures a, CpuFeatures b) { return from(a.bits_ | b.bits_); }
  friend CpuFeatures operator&(CpuFeatures a, CpuFeatures b) { return from(a.bits_ & b.bits_); }
  bool operator==(const CpuFeatures& other) const = default;

 private:
  static constexpr std::uint32_t bit(CpuFeature feature) {
    return std::uint32_t{1} << static_cast<unsigned>(feature);
  }
  // Of a feature, what every CPU with it has besides.
  static constexpr std::uint32_t included(CpuFeature feature) {
    constexpr std::uint32_t kAvx2 = bit(CpuFeature::kAvx2);
    switch (feature) {
      case CpuFeature::kAvx2:
        return 0;
      case CpuFeature::kAvxVnni:
      case CpuFeature::kAvx512:
        return kAvx2;
      case CpuFeature::kAvx512Vnni:
      case CpuFeature::kAvx512Bf16:
        return kAvx2 | bit(CpuFeature::kAvx512);
      case CpuFeature::kAmxInt8:
      case CpuFeature::kAmxBf16:
        return kAvx2 | bit(CpuFeature::kAvx512) | bit(CpuFeature::kAvx512Vnni) |
               bit(CpuFeature::kAvx512Bf16);
    }
    return 0;
  }
  static CpuFeatures from(std::uint32_t bits) {
    CpuFeatures set;
    set.bits_ = bits;
    return set;
  }

  std::uint32_t bits_ = 0;
};

std::string_view to_string(CpuFeature feature);  // "avx2", "avx512", ...

// The features that no other one of the set includes, joined by '+': "avx512_vnni+avx512_bf16";
// "none" for the empty set.
std::string to_string(CpuFeatures features);
// The inverse. Throws kInvalidArgument for a name that is not in the table, and lists the names.
CpuFeatures cpu_features_from_string(std::string_view names);

// The last feature of the table that the set has: the widest instructions. "reference" for none.
std::string_view best_name(CpuFeatures features);

// The names of all features, in the table's order, which is also that of caps.
std::vector<std::string_view> cpu_feature_names();

// A cap: the feature of this name and all that stand before it in the table. Throws
// kInvalidArgument for an unknown name, and lists the names.
CpuFeatures cpu_feature_cap(std::string_view name);

// What this CPU and its operating system support. Throws kUnsupported where the baseline is not
// there. The first call asks Linux for the right to use AMX's tiles, which holds for all threads
// of the process.
CpuFeatures cpu_features();
// Why this process may not use a feature that the CPU has; empty where it may, or where the CPU
// has none.
std::string_view refusal(CpuFeature feature);
// Of these, what the cap of this name leaves; all for an empty name.
CpuFeatures cpu_features(std::string_view cap);

// The CPU's own name of its model, as /proc/cpuinfo has it: "AMD EPYC 9654 96-Core Processor".
const std::string& cpu_model();

}  // namespace lasso

#endif  // LASSO_CORE_CPU_FEATURES_H_
