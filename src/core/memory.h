// The process's memory.
#ifndef LASSO_CORE_MEMORY_H_
#define LASSO_CORE_MEMORY_H_

#include <cstdint>

namespace lasso {

constexpr std::int64_t kMiB = 1 << 20;

// Resident bytes, mapped files included; 0 where the system does not tell.
std::uint64_t resident_bytes();

}  // namespace lasso

#endif  // LASSO_CORE_MEMORY_H_
