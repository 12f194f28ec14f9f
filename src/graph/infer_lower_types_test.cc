#include <gtest/gtest.h>

#include <limits>

#include "graph/builder.h"
#include "lasso/error.h"
#include "support/tensors.h"

namespace lasso::graph {
namespace {

using test::zeros;

// Schemes are there where 8 bits stand for something, and nowhere else.
TEST(Infer, ConvolutionsOfLowerTypes) {
  Builder b("p");
  const ValueId numbers = b.input("numbers", DType::kF32, {1, 4, 4, 6});
  const ValueId bytes = b.input("bytes", DType::kU8, {1, 4, 4, 6});
  const ValueId w = b.constant("w", zeros({2, 6, 1, 1}));
  const auto type = [&](const Conv2d& op, ValueId x) {
    return b.value(b.add("y", op, {x, w})).dtype;
  };
  Conv2d op;
  op.weights = DType::kI8;
  op.input = {0.5F, 255};
  EXPECT_EQ(type(op, bytes), DType::kF32);
  EXPECT_THROW(type(op, numbers), Error);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  for (const Affine& scheme :
       {Affine{}, Affine{0, 1}, Affine{-1, 1}, Affine{1e-39F, 1}, Affine{kInfinity, 1},
        Affine{kNan, 1}, Affine{1, -1}, Affine{1, 256}}) {
    op.input = scheme;
    EXPECT_THROW(type(op, bytes), Error) << scheme.scale << " " << scheme.zero;
    EXPECT_THROW(b.add("q", QuantizeTensor{scheme}, {numbers}), Error);
  }
  op.input = {1, 0};
  op.result = {2, 0};
  EXPECT_THROW(type(op, bytes), Error);  // a float32 result
  op.output = DType::kU8;
  EXPECT_EQ(type(op, bytes), DType::kU8);
  op.output = DType::kF16;
  EXPECT_THROW(type(op, bytes), Error);
  op.result = {};
  EXPECT_THROW(type(op, bytes), Error);
  op.output = DType::kBF16;
  EXPECT_EQ(type(op, bytes), DType::kBF16);
  op.groups = 2;
  EXPECT_THROW(b.add("z", op, {bytes, b.constant("w2", zeros({2, 3, 1, 1}))}), Error);

  op = {};
  op.output = DType::kU8;
  EXPECT_THROW(type(op, numbers), Error);
  op.result = {2, 0};
  EXPECT_EQ(type(op, numbers), DType::kU8);
  EXPECT_THROW(type(op, bytes), Error);
  op.input = {1, 0};
  EXPECT_THROW(type(op, numbers), Error);
  op = {};
  op.weights = DType::kF16;
  op.output = DType::kBF16;
  EXPECT_THROW(type(op, numbers), Error);
  op.output = DType::kF16;
  EXPECT_EQ(type(op, numbers), DType::kF16);
}

TEST(Infer, WhatChoosesNumbersKeepsTheirType) {
  Builder b("p");
  Resize twice{.mode = ResizeMode::kNearest};
  twice.height = 8;
  twice.width = 8;
  for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF16, DType::kU8, DType::kI32}) {
    const ValueId x = b.input("x", dtype, {1, 4, 4, 6});
    Pool2d pool{.kernel_h = 2, .kernel_w = 2, .stride = 2};
    twice.mode = ResizeMode::kNearest;
    if (dtype == DType::kI32) {
      EXPECT_THROW(b.add("largest", pool, {x}), Error);
      EXPECT_THROW(b.add("nearest", twice, {x}), Error);
      continue;
    }
    EXPECT_EQ(b.value(b.add("largest", pool, {x})).dtype, dtype);
    EXPECT_EQ(b.value(b.add("nearest", twice, {x})).dtype, dtype);
    if (dtype == DType::kF32) continue;
    pool.kind = PoolKind::kAverage;
    twice.mode = ResizeMode::kLinear;
    EXPECT_THROW(b.add("mean", pool, {x}), Error);
    EXPECT_THROW(b.add("linear", twice, {x}), Error);
  }
}

}  // namespace
}  // namespace lasso::graph
