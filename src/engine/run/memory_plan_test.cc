#include "engine/run/memory_plan.h"

#include <gtest/gtest.h>

#include "core/random.h"
#include "lasso/error.h"

namespace lasso::engine {
namespace {

TEST(MemoryPlan, BlocksThatNeverMeetShareMemory) {
  const std::vector<Block> blocks{{1000, 0, 1}, {1000, 2, 3}, {500, 1, 2}};
  const MemoryPlan plan = plan_memory(blocks);
  check_memory_plan(blocks, plan);
  EXPECT_EQ(plan.arena_bytes, 1024U + 512U);
}

TEST(MemoryPlan, RandomLifetimesNeverOverlap) {
  SplitMix64 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<Block> blocks(1 + random.below(60));
    std::size_t sum = 0;
    for (Block& block : blocks) {
      block = {random.below(5000), random.below(40), 0};
      block.last = block.first + random.below(10);
      sum += block.bytes + 63;
    }
    const MemoryPlan plan = plan_memory(blocks);
    EXPECT_NO_THROW(check_memory_plan(blocks, plan));
    EXPECT_LE(plan.arena_bytes, sum);
    const MemoryPlan wide = plan_memory(blocks, 256);
    EXPECT_NO_THROW(check_memory_plan(blocks, wide));
    for (const std::size_t offset : wide.offsets) EXPECT_EQ(offset % 256, 0U);
  }
}

TEST(MemoryPlan, CheckerFindsOverlap) {
  const std::vector<Block> blocks{{100, 0, 1}, {100, 1, 2}};
  MemoryPlan plan{{0, 64}, 256};
  EXPECT_THROW(check_memory_plan(blocks, plan), Error);
  plan.offsets[1] = 128;
  EXPECT_NO_THROW(check_memory_plan(blocks, plan));
  plan.arena_bytes = 200;
  EXPECT_THROW(check_memory_plan(blocks, plan), Error);
}

}  // namespace
}  // namespace lasso::engine
