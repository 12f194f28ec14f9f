#include "kernels/cpu/product.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace lasso::kernels
