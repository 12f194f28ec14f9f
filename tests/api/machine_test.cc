// What the public API says of the machine.
#include <gtest/gtest.h>

#include <cmath>
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

}  // namespace
}  // namespace lasso
