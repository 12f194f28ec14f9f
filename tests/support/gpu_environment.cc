// In programs whose tests also run on a GPU (LASSO_TEST_DEVICE=cuda): skips all of them, with the
// reason, where there is none; LASSO_TEST_REQUIRE_GPU=1 makes that a failure.
#include <gtest/gtest.h>

#include <cstdlib>

#include "lasso/error.h"
#include "lasso/machine.h"

namespace {

class GpuEnvironment : public testing::Environment {
 public:
  void SetUp() override {
    if (std::getenv("LASSO_TEST_DEVICE") == nullptr) return;
    try {
      lasso::gpus();
    } catch (const lasso::Error& error) {
      if (std::getenv("LASSO_TEST_REQUIRE_GPU") != nullptr) throw;
      GTEST_SKIP() << "no GPU: " << error.what();
    }
  }
};

[[maybe_unused]] testing::Environment* const environment =
    testing::AddGlobalTestEnvironment(new GpuEnvironment);

}  // namespace
