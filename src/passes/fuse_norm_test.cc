#include <gtest/gtest.h>

#include "graph/builder.h"
#include "passes/pass_test.h"
#include "support/tensors.h"

namespace lasso::passes {
namespace {

using graph::Binary;
using graph::Builder;
using graph::Cast;
using graph::LayerNorm;
using graph::ValueId;
using test::optimized;
using test::zeros;

const graph::Dim kBatch = graph::Dim::symbol("batch");

struct Norm {
  Builder b{"norm"};
  ValueId x = b.input("x", DType::kF32, {kBatch, 4, 8});
  ValueId r = b.input("r", DType::kF32, {1, 4, 8});
  ValueId p = b.constant("p", zeros({4, 8}));
  ValueId gamma = b.constant("gamma", zeros({8}));
  ValueId beta = b.constant("beta", zeros({8}));

  ValueId norm(ValueId from) { return b.add("z", LayerNorm{}, {from, gamma, beta}); }
  ValueId sum(const char* name, ValueId a, ValueId c) { return b.add(name, Binary{}, {a, c}); }
  ValueId half(const char* name, ValueId from) { return b.add(name, Cast{DType::kBF16}, {from}); }
  std::string result(backend::DeviceKind device = backend::DeviceKind::kCuda) {
    PassContext context;
    context.target.kind = device;
    return to_string(optimized(b.finish(), context));
  }
};

TEST(FuseNorm, SumBeforeAndRoundingsAndSumBehind) {
  Norm n;
  const ValueId z = n.norm(n.sum("sum", n.x, n.r));
  n.b.output(n.half("half", z), "half");
  n.b.output(n.half("keys", n.sum("shifted", z, n.p)), "keys");
  n.b.output(z, "z");
  EXPECT_EQ(n.result(),
            "program norm\n"
            "  input  %x: float32 [batch, 4, 8]\n"
            "  input  %r: float32 [1, 4, 8]\n"
            "  %z: float32 [batch, 4, 8], %half: bfloat16 [batch, 4, 8], %keys: bfloat16 [batch, "
            "4, 8] = add_norm(%x, @gamma, @beta, %r, @p) {epsilon=1e-06, rounded=true, "
            "output=bfloat16}\n"
            "  output %half\n"
            "  output %keys\n"
            "  output %z\n");
}

TEST(FuseNorm, ReshapesReadTheRoundedResult) {
  Norm n;
  const ValueId z = n.norm(n.x);
  const ValueId rows = n.b.add("rows", graph::Reshape{{kBatch, 32}}, {z});
  n.b.output(n.half("half", rows), "half");
  n.b.output(n.half("other", z), "other");
  EXPECT_EQ(n.result(),
            "program norm\n"
            "  input  %x: float32 [batch, 4, 8]\n"
            "  input  %r: float32 [1, 4, 8]\n"
            "  %other: bfloat16 [batch, 4, 8] = add_norm(%x, @gamma, @beta) {epsilon=1e-06, "
            "keep=false, rounded=true, output=bfloat16}\n"
            "  %half: bfloat16 [batch, 32] = reshape(%other)\n"
            "  output %half\n"
            "  output %other\n");
}

TEST(FuseNorm, SumsInFloat32) {
  Norm n;
  const ValueId z = n.norm(n.x);
  n.b.output(n.sum("shifted", n.p, z), "shifted");
  n.b.output(n.sum("twice", z, z), "twice");
  EXPECT_EQ(n.result(),
            "program norm\n"
            "  input  %x: float32 [batch, 4, 8]\n"
            "  input  %r: float32 [1, 4, 8]\n"
            "  %z: float32 [batch, 4, 8], %shifted: float32 [batch, 4, 8] = add_norm(%x, @gamma, "
            "@beta, none, @p) {epsilon=1e-06}\n"
            "  %twice: float32 [batch, 4, 8] = add(%z, %z)\n"
            "  output %shifted\n"
            "  output %twice\n");
}

// A sum that something else reads, one along other dimensions, and one with what is made later.
TEST(FuseNorm, WhatDoesNotFitStays) {
  Norm n;
  const ValueId column = n.b.input("column", DType::kF32, {kBatch, 4, 1});
  const ValueId sum = n.sum("sum", n.x, n.r);
  const ValueId z = n.norm(sum);
  n.b.output(sum, "sum");
  n.b.output(n.sum("columns", z, column), "columns");
  const ValueId tall = n.b.input("tall", DType::kF32, {1, kBatch, 4, 8});
  n.b.output(n.sum("ranks", z, tall), "ranks");
  n.b.output(n.sum("later", z, n.b.add("twice", Binary{}, {n.x, n.x})), "later");
  const std::string text = n.result();
  EXPECT_EQ(text.find("add_norm"), std::string::npos) << text;
}

TEST(FuseNorm, CpusKeepTheLayerNorm) {
  Norm n;
  n.b.output(n.norm(n.sum("sum", n.x, n.r)), "z");
  const std::string text = n.result(backend::DeviceKind::kCpu);
  EXPECT_EQ(text.find("add_norm"), std::string::npos) << text;
}

}  // namespace
}  // namespace lasso::passes
