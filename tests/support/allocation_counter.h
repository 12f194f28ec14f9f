// Counts calls of operator new, and of aligned_alloc and mmap from this program, so that a test can
// assert that something allocates nothing. Allocations that oneDNN makes inside its own library
// (its table of arguments, freed before it returns) are not counted.
#ifndef LASSO_TESTS_SUPPORT_ALLOCATION_COUNTER_H_
#define LASSO_TESTS_SUPPORT_ALLOCATION_COUNTER_H_

#include <cstdint>

namespace lasso::test {

// Allocations of all threads so far.
std::int64_t allocation_count();

}  // namespace lasso::test

#endif  // LASSO_TESTS_SUPPORT_ALLOCATION_COUNTER_H_
