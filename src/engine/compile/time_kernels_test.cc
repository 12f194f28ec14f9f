#include "engine/compile/time_kernels.h"

#include <gtest/gtest.h>

#include <vector>

#include "backend/test_target.h"
#include "kernels/registry.h"

namespace lasso::engine {
namespace {

constexpr std::int64_t kSize = 128;

// A layer that several rows compute on every CPU with AVX-512, and one on others.
kernels::Call layer() {
  kernels::Call call;
  call.op = graph::Linear{};
  const auto operand = [](Dims dims, bool constant) {
    kernels::Operand result;
    result.present = true;
    result.dtype = DType::kF32;
    result.dims = std::move(dims);
    result.constant = constant;
    return result;
  };
  call.inputs = {operand({kSize, kSize}, false), operand({kSize, kSize}, true)};
  call.outputs = {operand({kSize, kSize}, false)};
  return call;
}

TimedChoice timed(std::uint64_t memory_limit) {
  const std::vector<float> weights(kSize * kSize, 0.5F);
  const kernels::Call call = layer();
  KernelTimes times(memory_limit);
  return times.of(kernels::family_of(call.op, backend::DeviceKind::kCpu), call, backend::test_target(1),
                  {{DType::kF32, {kSize, kSize}, weights.data()}, {}});
}

TEST(TimeKernels, TimesEveryRowThatOffersOrNone) {
  const TimedChoice choice = timed(0);
  if (backend::test_features().has(CpuFeature::kAvx512)) {
    EXPECT_GE(choice.times.size(), 2U);
  }
  for (const KernelTime& time : choice.times) {
    EXPECT_GT(time.ms, 0) << time.kernel;
    EXPECT_EQ(time.kernel.find("reference"), std::string::npos);
  }
}

TEST(TimeKernels, NothingIsTimedBeyondTheMemoryLimit) {
  const TimedChoice choice = timed(1);
  EXPECT_TRUE(choice.times.empty());
  EXPECT_EQ(choice.preferred, "");
}

}  // namespace
}  // namespace lasso::engine
