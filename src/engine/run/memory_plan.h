// Where values lie in the arena: blocks that are alive at the same time do not overlap.
#ifndef LASSO_ENGINE_RUN_MEMORY_PLAN_H_
#define LASSO_ENGINE_RUN_MEMORY_PLAN_H_

#include <cstddef>
#include <vector>

#include "core/aligned_buffer.h"

namespace lasso::engine {

// A block of memory that holds something from step `first` to step `last`, both included.
struct Block {
  std::size_t bytes = 0;
  std::size_t first = 0;
  std::size_t last = 0;
};

struct MemoryPlan {
  std::vector<std::size_t> offsets;  // of each block, aligned
  std::size_t arena_bytes = 0;
  std::size_t alignment = kAlignment;
};

// Greedy by size: the largest block first, each at the lowest gap among the blocks placed so far
// that are alive with it (Pisarchyk and Lee, "Efficient memory management for deep neural net
// inference", 2020).
MemoryPlan plan_memory(const std::vector<Block>& blocks, std::size_t alignment = kAlignment);

// Throws kInternal if two blocks that are alive together overlap or one leaves the arena.
void check_memory_plan(const std::vector<Block>& blocks, const MemoryPlan& plan);

}  // namespace lasso::engine

#endif  // LASSO_ENGINE_RUN_MEMORY_PLAN_H_
