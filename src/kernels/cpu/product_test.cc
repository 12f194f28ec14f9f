#include "kernels/cpu/product.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace lasso::kernels {
namespace {

// The parts of a sum cover k once and in order.
TEST(Product, PartsCoverTheSum) {
  for (const std::int64_t depth : {1, 16, 256, 511, 512, 513, 3072}) {
    for (const int segments : {1, 2, 9, 49}) {
      const Product product{.rows = 1, .n = 1, .segments = segments, .depth = depth};
      std::int64_t next = 0;
      for (ProductPart part; next_part(product, part);) {
        ASSERT_EQ(part.segment * depth + part.begin, next);
        ASSERT_TRUE(part.segments == 1 || part.depth == depth);
        next += part.segments * part.depth;
      }
      EXPECT_EQ(next, segments * depth);
    }
  }
  // A sum of nothing is computed once, too.
  const Product nothing{.rows = 1, .n = 1, .segments = 9, .depth = 0};
  int parts = 0;
  for (ProductPart part; next_part(nothing, part); ++parts) EXPECT_EQ(part.segments, 9);
  EXPECT_EQ(parts, 1);
}

// The tasks of a product cover its rows and panels once, and there are enough for the threads.
TEST(Product, TasksCoverRowsAndPanels) {
  for (const std::int64_t rows : {0, 1, 47, 48, 500, 4096}) {
    for (const std::int64_t n : {1, 64, 768, 3072}) {
      for (const int threads : {1, 2, 16}) {
        const Product product{.rows = rows, .n = n, .segments = 1, .depth = 8};
        const ProductTasks tasks(product, threads);
        std::vector<int> hits(static_cast<std::size_t>(rows * panel_count(n)));
        for (std::int64_t task = 0; task < tasks.count(); ++task) {
          const ProductRange range = tasks.range(task);
          for (std::int64_t row = range.row_begin; row < range.row_end; ++row) {
            for (std::int64_t i = range.panel_begin; i < range.panel_end; ++i) {
              ++hits[static_cast<std::size_t>(row * panel_count(n) + i)];
            }
          }
        }
        EXPECT_EQ(std::count(hits.begin(), hits.end(), 1), rows * panel_count(n));
        if (rows == 4096 && threads == 16) {
          EXPECT_EQ(tasks.count(), 64);
        }
      }
    }
  }
}

}  // namespace
}  // namespace lasso::kernels
