#include "models/sam/calibrate/activation_scales.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "backend/test_target.h"
#include "core/random.h"
#include "models/sam/precision.h"
#include "support/files.h"

namespace lasso::sam {
namespace {

TEST(ActivationScales, AreTheLargestWhereAllNumbersMatter) {
  quant::InputObserver input(4, 8);
  const std::vector<float> x{-12.7F, 12.0F, 11.0F, 10.0F};
  input.add(x.data(), 1);
  EXPECT_FLOAT_EQ(activation_scale(input), 0.1F);
}

// One number is larger than all others: it is cut off where that costs less than to round these.
// With the range r, 65536 numbers cost about 65536 (r / 127)^2 / 12, and the one (3 - r)^2, which
// is least at r = 2.24.
TEST(ActivationScales, CutOutliersOff) {
  constexpr int kCount = 65536;
  std::vector<float> x(kCount);
  SplitMix64 random(1);
  for (float& value : x) value = random.uniform(-2.0F, 2.0F);
  x[5] = 3.0F;
  quant::InputObserver input(kCount, 1);
  input.add(x.data(), 1);
  const float scale = activation_scale(input);
  EXPECT_LT(scale, 2.5F / 127.0F);
  EXPECT_GT(scale, 2.0F / 127.0F);
  const std::vector<float> zeros(kCount);
  quant::InputObserver nothing(kCount, 1);
  nothing.add(zeros.data(), 1);
  EXPECT_EQ(activation_scale(nothing), 1.0F);
}

TEST(ActivationScales, AreOfEveryLayer) {
  const SamCheckpoint micro = load_sam_checkpoint(test::data_path("sam_micro/checkpoint.pth"));
  engine::CompileOptions compile;
  compile.target = backend::test_target(1);
  CalibrationOptions options;
  options.count = 4;
  int steps = 0;
  options.progress = [&](const std::string& stage, int, int) {
    if (stage == "activations") ++steps;
  };
  const ScalesOfLayers found = activation_scales(micro, preprocess_preset("sam"), compile, options);
  EXPECT_EQ(steps, 4);
  EXPECT_EQ(found.scales.size(), lowerable_layers(micro.config).size());
  for (const auto& [name, scale] : found.scales) EXPECT_GT(scale, 0.0F) << name;
  EXPECT_EQ(activation_scales(micro, preprocess_preset("sam"), compile, options).scales,
            found.scales);
}

}  // namespace
}  // namespace lasso::sam
