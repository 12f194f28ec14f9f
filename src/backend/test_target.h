// For tests and benchmarks: the target that they run on, which the environment variable
// LASSO_TEST_ISA caps, so that one program tests the kernels of several instruction sets.
#ifndef LASSO_BACKEND_TEST_TARGET_H_
#define LASSO_BACKEND_TEST_TARGET_H_

#include <cstdlib>

#include "backend/target_info.h"

namespace lasso::backend {

inline CpuFeatures test_features() {
  const char* cap = std::getenv("LASSO_TEST_ISA");
  return cpu_features(cap == nullptr ? "" : cap);
}

// With the rates that a CPU usually has, so that the choice of kernels is the same everywhere.
inline TargetInfo test_target(int threads) {
  TargetInfo target;
  target.features = test_features();
  target.threads = threads;
  return target;
}

}  // namespace lasso::backend

#endif  // LASSO_BACKEND_TEST_TARGET_H_
