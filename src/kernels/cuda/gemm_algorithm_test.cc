#include "kernels/cuda/gemm_algorithm.h"

#include <gtest/gtest.h>

#include "kernels/kernel.h"

namespace lasso::kernels::gpu {
namespace {

TEST(GemmAlgorithm, IsWhatItsTextSays) {
  const GemmAlgorithm algorithm{.id = 66, .tile = 5, .stages = 20, .cluster_shape = 2};
  EXPECT_EQ(algorithm.text(), "66.5.20.1.0.0.0.0.2");
  EXPECT_TRUE(is_tuning(algorithm.text()));
  EXPECT_EQ(GemmAlgorithm::parse(algorithm.text()), algorithm);
  const GemmAlgorithm largest{INT32_MAX,  UINT32_MAX, UINT32_MAX, INT32_MAX, UINT32_MAX,
                              UINT32_MAX, UINT32_MAX, UINT16_MAX, UINT16_MAX};
  EXPECT_TRUE(is_tuning(largest.text()));
  EXPECT_EQ(GemmAlgorithm::parse(largest.text()), largest);
}

TEST(GemmAlgorithm, IsNothingElse) {
  for (const char* text :
       {"", "66", "66.5.20.1.0.0.0.0", "66.5.20.1.0.0.0.0.2.", "66.5.20.1.0.0.0.0.2.1",
        ".66.5.20.1.0.0.0.0", "66..5.20.1.0.0.0.0", "066.5.20.1.0.0.0.0.2",
        "66.5.20.1.0.0.0.0.65536", "2147483648.5.20.1.0.0.0.0.2", "66.5.20.-1.0.0.0.0.2",
        "66.5.20.1.0.0.0.0.x", "66.5.20.1.0.0.0.0. 2", "99999999999999999999.1.1.1.1.1.1.1.1"}) {
    EXPECT_FALSE(GemmAlgorithm::parse(text)) << text;
  }
}

TEST(GemmAlgorithm, AddsUpTheParts) {
  EXPECT_TRUE(GemmAlgorithm{}.adds_up());
  EXPECT_TRUE((GemmAlgorithm{.splits = 4, .reduction = 2}).adds_up());
  EXPECT_FALSE((GemmAlgorithm{.splits = 4}).adds_up());
}

TEST(Tuning, IsDigitsAndDotsAndShort) {
  EXPECT_TRUE(is_tuning("1.2"));
  for (const std::string& text : {std::string(), std::string("1,2"), std::string("-1"),
                                  std::string("1\n"), std::string(129, '1')}) {
    EXPECT_FALSE(is_tuning(text)) << text;
  }
}

}  // namespace
}  // namespace lasso::kernels::gpu
