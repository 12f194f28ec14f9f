// The machine and the build, and what the process takes of the machine.
#ifndef LASSO_COMMON_MACHINE_H_
#define LASSO_COMMON_MACHINE_H_

#include <cstdint>
#include <string>

namespace lasso::app {

// "GCC 12.2.0, release"
std::string build_description();

// 0 where it can't be known.
std::uint64_t total_memory();
// What the process may still take: of the machine's memory and of its control group's.
std::uint64_t available_memory();

// Peak of this process's resident memory, mapped files included.
std::uint64_t peak_resident_memory();

}  // namespace lasso::app

#endif  // LASSO_COMMON_MACHINE_H_
