// For tests that need a GPU: they are skipped, with a line that says why, where there is none.
#ifndef LASSO_TESTS_GPU_GPU_TEST_H_
#define LASSO_TESTS_GPU_GPU_TEST_H_

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "kernels/device_library.h"
#include "lasso/error.h"

namespace lasso::test {

// The first GPU, capped to LASSO_TEST_ISA ("sm_75") where that is set; null, with the reason, where
// there is none. LASSO_TEST_REQUIRE_GPU=1 makes that a failure.
inline std::shared_ptr<const backend::Device> gpu(std::string* reason = nullptr) {
  try {
    backend::DeviceOptions options;
    const char* cap = std::getenv("LASSO_TEST_ISA");
    if (cap != nullptr && std::string(cap).rfind("sm_", 0) == 0)
      options.most_sm = std::atoi(cap + 3);
    return kernels::device_library(backend::DeviceKind::kCuda).open(options);
  } catch (const Error& error) {
    if (std::getenv("LASSO_TEST_REQUIRE_GPU") != nullptr) throw;
    if (reason != nullptr) *reason = error.what();
    return nullptr;
  }
}

// A fixture with a GPU.
class GpuTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string reason;
    device_ = gpu(&reason);
    if (device_ == nullptr) GTEST_SKIP() << "no GPU: " << reason;
    stream_ = device_->make_stream();
  }

  std::shared_ptr<const backend::Device> device_;
  std::unique_ptr<backend::Stream> stream_;
};

}  // namespace lasso::test

#endif  // LASSO_TESTS_GPU_GPU_TEST_H_
