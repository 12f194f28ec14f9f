// Timing the kernels that take a node, one against another.
#ifndef LASSO_ENGINE_COMPILE_TIME_KERNELS_H_
#define LASSO_ENGINE_COMPILE_TIME_KERNELS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "engine/compile/compile.h"
#include "kernels/family.h"

namespace lasso::engine {

struct TimedChoice {
  std::vector<KernelTime> times;  // of every row that was timed, the best of its rounds
  Preference preferred;           // what displaces the default kernel and its own way
};

// Runs all rows that take the call but the last of the list (the reference, or a device's plain
// one) unless that is the default, each of them in its own way and by its tunings, in turn, on
// random operands and the node's own weights, on the first of the options' devices. A row displaces
// `default_kernel` only where it is at least a tenth faster in each of three rounds, and a tuning
// of `default_kernel` its own way where it is a 50th faster. Nothing is timed where there is but
// one way, where the device lacks the memory, nor where the operands, packed weights and workspaces
// would take the process's resident memory beyond `memory_limit` bytes (0: no limit). `constants`
// are what pack() takes.
TimedChoice time_kernels(const kernels::Family& family, const kernels::Call& call,
                         const CompileOptions& options, std::size_t default_kernel,
                         const std::vector<TensorView>& constants, std::uint64_t memory_limit = 0);

// What was timed: the blocks of a transformer have equal calls, and a search for precisions
// compiles them many times. All options must be of one device.
class KernelTimes {
 public:
  explicit KernelTimes(std::uint64_t memory_limit = 0) : memory_limit_(memory_limit) {}

  // time_kernels() for the row that choose_kernel() takes; or what that gave for an equal call.
  const TimedChoice& of(const kernels::Family& family, const kernels::Call& call,
                        const CompileOptions& options, const std::vector<TensorView>& constants);

 private:
  std::uint64_t memory_limit_;
  std::map<std::string, TimedChoice> choices_;
};

}  // namespace lasso::engine

#endif  // LASSO_ENGINE_COMPILE_TIME_KERNELS_H_
