// From a program as a file says it is to one that may run.
#ifndef LASSO_ENGINE_RUN_BIND_PROGRAM_H_
#define LASSO_ENGINE_RUN_BIND_PROGRAM_H_

#include <cstddef>
#include <cstdint>
#include <map>

#include "engine/compile/compile.h"

namespace lasso::engine {

// The weights section: what programs say about it.
class WeightsSection {
 public:
  explicit WeightsSection(std::uint64_t bytes) : bytes_(bytes) {}

  // Throws kCorruptFile unless the block is aligned, lies in the section, and is equal to every
  // other block at its place.
  void check(const StoredBytes& stored);

  // Throws kCorruptFile unless the blocks fill the section as a WeightSink places them: none
  // overlaps another, and nothing lies between them.
  void check_all_used() const;

 private:
  std::uint64_t bytes_;
  std::map<std::uint64_t, std::uint64_t> blocks_;  // bytes by offset
};

// Checks all that kernels and plans take for granted, and chooses the kernels for the module's
// target. A kernel that is chosen reads exactly the bytes that are there. Throws kCorruptFile,
// kInvalidArgument or kInternal for what can't be right, and kUnsupported if no kernel of this
// build and machine reads a layout.
void bind_program(CompiledProgram& program, const CompiledModule& module, WeightsSection& weights);

}  // namespace lasso::engine

#endif  // LASSO_ENGINE_RUN_BIND_PROGRAM_H_
