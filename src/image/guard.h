// Turns what standard containers throw into lasso::Error.
#ifndef LASSO_IMAGE_GUARD_H_
#define LASSO_IMAGE_GUARD_H_

#include <new>
#include <stdexcept>

#include "core/check.h"

namespace lasso {

// Returns f(); `what` says in the message what there was no memory for.
template <typename F>
auto guard_memory(const char* what, F&& f) {
  try {
    return f();
  } catch (const std::bad_alloc&) {
  } catch (const std::length_error&) {
  }
  fail(ErrorCode::kOutOfMemory, "no memory for {}", what);
}

}  // namespace lasso

#endif  // LASSO_IMAGE_GUARD_H_
