#include "engine/run/memory_plan.h"

#include <algorithm>
#include <numeric>

#include "core/aligned_buffer.h"
#include "core/check.h"

namespace lasso::engine {

namespace {

bool alive_together(const Block& a, const Block& b) {
  return a.first <= b.last && b.first <= a.last;
}

}  // namespace

MemoryPlan plan_memory(const std::vector<Block>& blocks, std::size_t alignment) {
  MemoryPlan plan;
  plan.alignment = alignment;
  plan.offsets.resize(blocks.size(), 0);
  std::vector<std::size_t> order(blocks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return blocks[a].bytes > blocks[b].bytes; });
  std::vector<std::size_t> placed;  // in the order of their offsets
  for (const std::size_t i : order) {
    std::size_t offset = 0;
    for (const std::size_t j : placed) {
      if (!alive_together(blocks[i], blocks[j])) continue;
      if (offset + blocks[i].bytes <= plan.offsets[j]) break;
      offset = std::max(offset, plan.offsets[j] + align_up(blocks[j].bytes, alignment));
    }
    plan.offsets[i] = offset;
    plan.arena_bytes = std::max(plan.arena_bytes, offset + align_up(blocks[i].bytes, alignment));
    const auto at =
        std::upper_bound(placed.begin(), placed.end(), offset,
                         [&](std::size_t value, std::size_t j) { return value < plan.offsets[j]; });
    placed.insert(at, i);
  }
  return plan;
}

void check_memory_plan(const std::vector<Block>& blocks, const MemoryPlan& plan) {
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const std::size_t end = plan.offsets[i] + blocks[i].bytes;
    LASSO_CHECK(plan.offsets[i] % plan.alignment == 0 && end <= plan.arena_bytes,
                ErrorCode::kInternal, "memory plan: block {} at {} of {} bytes leaves the arena", i,
                plan.offsets[i], blocks[i].bytes);
    for (std::size_t j = 0; j < i; ++j) {
      const bool apart = end <= plan.offsets[j] ||
                         plan.offsets[j] + blocks[j].bytes <= plan.offsets[i] ||
                         blocks[i].bytes == 0 || blocks[j].bytes == 0;
      LASSO_CHECK(apart || !alive_together(blocks[i], blocks[j]), ErrorCode::kInternal,
                  "memory plan: blocks {} and {} overlap while both are alive", i, j);
    }
  }
}

}  // namespace lasso::engine
