#include "core/cpu_features.h"

#include <gtest/gtest.h>

#include <string_view>

#include "core/peak.h"
#include "support/errors.h"

namespace lasso {
namespace {

using test::code_of;

TEST(CpuFeatures, NamesConvertThereAndBack) {
  for (const std::string_view name : cpu_feature_names()) {
    EXPECT_EQ(to_string(cpu_features_from_string(name)), name);
    EXPECT_TRUE(cpu_feature_cap(name).contains(cpu_features_from_string(name)));
    EXPECT_EQ(best_name(cpu_feature_cap(name)), name);
  }
  for (const char* name : {"", "AVX2", "reference", "sse", "avx5122", "avx2+", "+avx2"}) {
    EXPECT_EQ(code_of([&] { cpu_features_from_string(name); }, "avx512_bf16, amx_int8 or amx_bf16"),
              ErrorCode::kInvalidArgument);
  }
  const CpuFeatures both{CpuFeature::kAvx512Vnni, CpuFeature::kAvx512Bf16};
  EXPECT_EQ(to_string(both), "avx512_vnni+avx512_bf16");
  EXPECT_EQ(cpu_features_from_string("avx512_vnni+avx512_bf16"), both);
  EXPECT_EQ(to_string(CpuFeatures()), "none");
  EXPECT_EQ(best_name({}), "reference");
}

TEST(CpuFeatures, AreNotOrdered) {
  const CpuFeatures avx_vnni = CpuFeature::kAvxVnni;
  const CpuFeatures bf16 = CpuFeature::kAvx512Bf16;
  EXPECT_FALSE(avx_vnni.contains(bf16));
  EXPECT_FALSE(bf16.contains(avx_vnni));
  EXPECT_FALSE(bf16.has(CpuFeature::kAvx512Vnni));
  EXPECT_TRUE(bf16.has(CpuFeature::kAvx512));
  EXPECT_EQ(avx_vnni & bf16, CpuFeature::kAvx2);
  EXPECT_EQ(bf16.size(), 3);
  const CpuFeatures amx = CpuFeature::kAmxBf16;
  EXPECT_TRUE(amx.contains(bf16 | CpuFeature::kAvx512Vnni));
  EXPECT_FALSE(amx.has(CpuFeature::kAmxInt8));
  EXPECT_EQ(to_string(amx | CpuFeature::kAmxInt8), "amx_int8+amx_bf16");
}

TEST(CpuFeatures, OfThisMachine) {
  EXPECT_TRUE(cpu_features().has(CpuFeature::kAvx2));
  EXPECT_FALSE(cpu_model().empty());
  EXPECT_EQ(cpu_features(""), cpu_features());
  EXPECT_EQ(cpu_features("avx2"), CpuFeature::kAvx2);
  EXPECT_EQ(code_of([] { cpu_features("sse"); }, "\"sse\""), ErrorCode::kInvalidArgument);
  const RateClasses& rates = measured_rates(cpu_features());
  EXPECT_EQ(rates.exponent(MultiplyAdd::kFp32Avx2), 0);
  EXPECT_EQ(&rates, &measured_rates(cpu_features()));
}

TEST(RateClasses, AreBounded) {
  RateClasses rates;
  rates.set_exponent(MultiplyAdd::kBf16Avx512, -2);
  EXPECT_EQ(rates.rate(MultiplyAdd::kBf16Avx512), 0.25);
  EXPECT_EQ(code_of([&] { rates.set_exponent(MultiplyAdd::kBf16Avx512, 9); }, "vdpbf16ps"),
            ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace lasso
