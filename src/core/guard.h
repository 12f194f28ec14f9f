// These functions turn what the standard library throws into lasso::Error.
#ifndef LASSO_CORE_GUARD_H_
#define LASSO_CORE_GUARD_H_

#include <exception>
#include <new>
#include <stdexcept>

#include "core/check.h"

namespace lasso {

// Returns f(); where memory is exhausted, the message says that there was none for `what`.
template <typename F>
auto guard_memory(const char* what, F&& f) {
  try {
    return f();
  } catch (const std::bad_alloc&) {
  } catch (const std::length_error&) {
  }
  fail(ErrorCode::kOutOfMemory, "no memory for {}", what);
}

// Returns f() at the boundary of the public API; std::bad_alloc and std::length_error become
// kOutOfMemory, anything else that is no lasso::Error becomes kInternal.
template <typename F>
auto guarded(F&& f) {
  try {
    return f();
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    fail(ErrorCode::kOutOfMemory, "memory is exhausted");
  } catch (const std::length_error&) {
    fail(ErrorCode::kOutOfMemory, "memory is exhausted");
  } catch (const std::exception& error) {
    fail(ErrorCode::kInternal, "{}", error.what());
  }
}

}  // namespace lasso

#endif  // LASSO_CORE_GUARD_H_
