// What the fuzz targets share: a file is read, or refused with lasso::Error; everything else is a
// finding.
#ifndef LASSO_TESTS_FUZZ_FUZZ_H_
#define LASSO_TESTS_FUZZ_FUZZ_H_

#include <cstddef>
#include <cstdint>

#include "lasso/error.h"

namespace lasso::fuzz {

template <typename F>
int expect_error_or_success(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInternal) throw;
  }
  return 0;
}

}  // namespace lasso::fuzz

#endif  // LASSO_TESTS_FUZZ_FUZZ_H_
