// The machine and the build that figures come from, and what they take of it.
#ifndef LASSO_COMMON_MACHINE_H_
#define LASSO_COMMON_MACHINE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "common/prompts.h"
#include "lasso/machine.h"

namespace lasso::app {

// "GCC 12.2.0, release"
std::string build_description();

// The program's arguments as a shell would take them, after the name "lasso".
std::string command_line();

std::string cpu_name();

// 0 where it can't be known.
std::uint64_t total_memory();
// What the process may still take: of the machine's memory and of its control group's.
std::uint64_t available_memory();

// Peak of this process's resident memory, mapped files included.
std::uint64_t peak_resident_memory();

struct Machine {
  std::string cpu;
  int cores = 0;  // physical ones that the process may use
  std::string isa;
  std::uint64_t memory_bytes = 0;
  std::vector<PeakRate> peaks;

  // The rate for models of this precision with at best this instruction set; 0 if there is none.
  double peak_gflop_per_s(const std::string& precision, const std::string& isa) const;
};

Json to_json(const Machine& machine);
Machine machine_from_json(const Json& json);

// Measures in this process, which then has threads.
Machine measure_machine(int threads);

}  // namespace lasso::app

#endif  // LASSO_COMMON_MACHINE_H_
