// What the public API says of the machine.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "lasso/lasso.h"
#include "support/capped.h"
#include "support/errors.h"

namespace lasso {
namespace {

using test::code_of;

TEST(Machine, PeaksAreOfWhatTheCpuHas) {
  const MachineInfo machine = machine_info(test::capped().isa);
  EXPECT_GE(machine.cores, 1);
  const std::vector<PeakRate> peaks = measure_peaks(1, test::capped().isa);
  ASSERT_FALSE(peaks.empty());
  EXPECT_EQ(peaks.front().precision, "fp32");
  EXPECT_EQ(peaks.front().isa, "avx2");
  EXPECT_EQ(peaks.size() == 1, machine.isa == "avx2");
  for (const PeakRate& peak : peaks) {
    EXPECT_EQ(peak.threads, 1);
    EXPECT_FALSE(peak.instruction.empty());
    EXPECT_TRUE(std::isfinite(peak.gflop_per_s) && peak.gflop_per_s > 0);
  }
  // No more threads than cores, whose own time would be counted twice.
  EXPECT_EQ(measure_peaks(4096).front().threads, machine.cores);
  EXPECT_EQ(code_of([] { measure_peaks(-1); }, "-1"), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(compute_libraries().starts_with("oneDNN "));
}

TEST(Machine, OnlyGpusHaveTheStateOfOne) {
  EXPECT_EQ(code_of([] { gpu_state("cpu"); }, "expected a GPU"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([] { gpu_peaks(""); }, "expected a GPU"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([] { gpu_state("gpu"); }, "cuda:1"), ErrorCode::kInvalidArgument);
}

// Skipped where there is none.
TEST(Machine, GpusHavePeaksAndAState) {
  std::vector<GpuInfo> found;
  try {
    found = gpus();
  } catch (const Error& error) {
    GTEST_SKIP() << error.what();
  }
  EXPECT_EQ(code_of([] { gpu_state("cuda:1000"); }, "cuda:1000"), ErrorCode::kNotFound);
  EXPECT_TRUE(found.front().libraries.starts_with("cuBLASLt "));
  EXPECT_NE(found.front().driver.find("CUDA "), std::string::npos);
  const GpuPeaks peaks = gpu_peaks("cuda");
  EXPECT_EQ(peaks.device, "cuda:0");
  ASSERT_FALSE(peaks.rates.empty());
  EXPECT_EQ(peaks.rates.front().precision, "fp32");
  for (const GpuRate& rate : peaks.rates) {
    EXPECT_TRUE(std::isfinite(rate.gflop_per_s) && rate.gflop_per_s > 0) << rate.precision;
  }
  EXPECT_GT(peaks.bytes_per_s, 1e10);
  const GpuState state = gpu_state("cuda:0");
  EXPECT_GE(state.most_own_memory_bytes, std::uint64_t{2} << 28);
  EXPECT_EQ(state.own_memory_bytes, 0U);
  if (state.power_w) {
    EXPECT_GT(*state.power_w, 0);
  }
  if (state.sm_clock_mhz) {
    EXPECT_GT(*state.sm_clock_mhz, 0);
  }
  if (state.memory_used_bytes) {
    EXPECT_LE(*state.memory_used_bytes, state.memory_bytes.value());
  }
}

}  // namespace
}  // namespace lasso
