// Engines for tests that run once for each instruction set and device.
#ifndef LASSO_TESTS_SUPPORT_CAPPED_H_
#define LASSO_TESTS_SUPPORT_CAPPED_H_

#include <cstdlib>
#include <string>

#include "lasso/engine.h"
#include "lasso/machine.h"

namespace lasso::test {

// Options with the cap that the environment variable LASSO_TEST_ISA names, for the device that
// LASSO_TEST_DEVICE names.
inline EngineOptions capped() {
  EngineOptions options;
  if (const char* isa = std::getenv("LASSO_TEST_ISA")) options.isa = isa;
  if (const char* device = std::getenv("LASSO_TEST_DEVICE")) options.device = device;
  return options;
}

inline bool on_gpu() { return std::getenv("LASSO_TEST_DEVICE") != nullptr; }

// Whether precision bf16 runs with at most these instructions.
inline bool has_bf16(const std::string& isa = {}) {
  const std::string best = machine_info(isa).isa;
  return best == "avx512_bf16" || best == "amx_int8" || best == "amx_bf16";
}

}  // namespace lasso::test

#endif  // LASSO_TESTS_SUPPORT_CAPPED_H_
