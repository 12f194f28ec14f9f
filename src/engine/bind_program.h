// From a program as a file says it is to one that may run.
#ifndef LASSO_ENGINE_BIND_PROGRAM_H_
#define LASSO_ENGINE_BIND_PROGRAM_H_

#include <cstddef>
#include <cstdint>
#include <map>

#include "engine/compile.h"

namespace lasso::engine {

// The weights section: where it lies, and what programs say about it.
class WeightsSection {
 public:
  WeightsSection(const std::byte* data, std::uint64_t bytes) : data_(data), bytes_(bytes) {}

  // Sets the address; throws kCorruptFile unless the block is aligned, lies in the section, and is
  // equal to every other block at its place.
  void locate(StoredBytes& stored);

  // Throws kCorruptFile unless the blocks fill the section as a WeightSink places them: none
  // overlaps another, and nothing lies between them. Returns their bytes.
  std::uint64_t check_all_used() const;

 private:
  const std::byte* data_;
  std::uint64_t bytes_;
  std::map<std::uint64_t, std::uint64_t> blocks_;  // bytes by offset
};

// Checks all that kernels and plans take for granted, chooses the kernels, and resolves addresses.
// A kernel that is chosen reads exactly the bytes that are there. Throws kCorruptFile,
// kInvalidArgument or kInternal for what can't be right, and kUnsupported if no kernel of this
// build and machine reads a layout.
void bind_program(CompiledProgram& program, const CompileOptions& options, WeightsSection& weights);

}  // namespace lasso::engine

#endif  // LASSO_ENGINE_BIND_PROGRAM_H_
