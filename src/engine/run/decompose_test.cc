// Every fused op against what it is decomposed into, by reference kernels: each checks the other.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/run/program_results.h"
#include "graph/builder.h"
#include "passes/pass_test.h"

namespace lasso::passes {
namespace {

using graph::Activation;
using graph::Builder;
using graph::Dim;
using graph::kNoValue;
using graph::Linear;
using graph::Op;
using graph::Shape;
using graph::UnaryKind;
using graph::ValueId;
using test::expect_near;
using test::kImages;
using test::random_tensor;
using test::random_values;
using test::results_of;

constexpr double kEpsilon = 0x1p-23;
const Dim kBatch = Dim::symbol("batch");

// Whether a device that has plain ops alone has a kernel for the node.
bool is_plain(const graph::Graph& /*graph*/, const graph::Node& node) {
  struct Plain {
    bool is_joined;  // several images of a convolution

    bool operator()(const Linear&) const { return false; }
    bool operator()(const graph::MatMul& op) const { return op == graph::MatMul{}; }
    bool operator()(const graph::Conv2d& op) const {
      return op.activation == Activation::kNone && op.weights == DType::kF32 &&
             op.output == DType::kF32 && !is_joined;
    }
    bool operator()(const graph::ConvTranspose2d&) const { return false; }
    bool operator()(const graph::Deconv2d& op) const { return op.activation == Activation::kNone; }
    bool operator()(const graph::LayerNorm&) const { return false; }
    bool operator()(const graph::AddNorm&) const { return false; }
    bool operator()(const graph::UpscaledProduct&) const { return false; }
    bool operator()(const graph::Quantize&) const { return false; }
    bool operator()(const graph::QuantizeTensor&) const { return true; }
    bool operator()(const graph::Softmax&) const { return false; }
    bool operator()(const graph::WindowAttention&) const { return false; }
    bool operator()(const graph::Attention&) const { return false; }
    bool operator()(const graph::MaskUpscaling&) const { return false; }
    bool operator()(const graph::TokenToImage&) const { return false; }
    bool operator()(const graph::ImageToToken&) const { return false; }
    bool operator()(const graph::FourierFeatures&) const { return false; }
    bool operator()(const graph::Binary& op) const { return op.activation == Activation::kNone; }
    bool operator()(const graph::Unary& op) const {
      return !graph::activation_of(op.kind) || op.kind == UnaryKind::kIdentity;
    }
    bool operator()(const graph::Concat&) const { return true; }
    bool operator()(const graph::Slice&) const { return true; }
    bool operator()(const graph::Reshape&) const { return true; }
    bool operator()(const graph::Transpose&) const { return true; }
    bool operator()(const graph::Expand&) const { return true; }
    bool operator()(const graph::Sizes&) const { return true; }
    bool operator()(const graph::Gather&) const { return true; }
    bool operator()(const graph::Cast&) const { return true; }
    bool operator()(const graph::Reduce&) const { return true; }
    bool operator()(const graph::Pad&) const { return true; }
    bool operator()(const graph::GatherElements&) const { return true; }
    bool operator()(const graph::GatherNd&) const { return true; }
    bool operator()(const graph::ScatterElements&) const { return true; }
    bool operator()(const graph::ScatterNd&) const { return true; }
    bool operator()(const graph::ArgReduce&) const { return true; }
    bool operator()(const graph::CumSum&) const { return true; }
    bool operator()(const graph::TopK&) const { return true; }
    bool operator()(const graph::Pool2d&) const { return true; }
    bool operator()(const graph::Resize&) const { return true; }
    bool operator()(const graph::NonMaxSuppression&) const { return true; }
    bool operator()(const graph::EfficientNms&) const { return true; }
    bool operator()(const graph::DetectionNms&) const { return true; }
    bool operator()(const graph::LeakyRelu&) const { return true; }
    bool operator()(const graph::Compare&) const { return true; }
    bool operator()(const graph::Select&) const { return true; }
  };
  return std::visit(Plain{node.inputs.size() > graph::Conv2d::kFirstJoined}, node.op);
}

bool is_plain_or_quantize(const graph::Graph& graph, const graph::Node& node) {
  return std::holds_alternative<graph::Quantize>(node.op) || is_plain(graph, node);
}

// Compares the program with what becomes of it on a device that has the ops of `has_kernel`.
void check(Builder& b, double tolerance,
           bool (*has_kernel)(const graph::Graph&, const graph::Node&) = is_plain) {
  const graph::Graph fused = b.finish();
  PassContext context;
  context.has_kernel = has_kernel;
  graph::Graph plain = eliminate_dead(decompose(fused, context), context);
  graph::verify(plain);
  for (const graph::Node& node : plain.nodes) {
    EXPECT_TRUE(has_kernel(plain, node)) << graph::op_name(node.op);
  }
  const auto expected = results_of(fused);
  const auto actual = results_of(plain);
  EXPECT_EQ(expected.size(), actual.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    SCOPED_TRACE("result " + std::to_string(i));
    expect_near(fused.value(fused.outputs[i]).dtype, expected[i], actual[i], tolerance);
  }
}

void output(Builder& b, const std::vector<ValueId>& results) {
  for (std::size_t i = 0; i < results.size(); ++i) b.output(results[i], "y" + std::to_string(i));
}

// Of sums of n products of numbers up to 1, in any order: both forms are off by at most epsilon
// (3 + sqrt(n)) of the sum of magnitudes, n. No activation is steeper than 1.13, and each is off by
// 4e-7 itself.
double sum_tolerance(std::int64_t n) {
  const auto count = static_cast<double>(n);
  return 1.13 * 2 * kEpsilon * (3 + std::sqrt(count)) * (count + 2) + 8e-7;
}

constexpr std::int64_t kN = 19;
constexpr std::int64_t kK = 37;

struct LinearCase {
  Linear op;
  bool bias = false;
  bool residual = false;
  DType x = DType::kF32;  // or that of the weights
  Shape lead = {kBatch, 5};
};

void check_linear(const LinearCase& c) {
  Builder b("linear");
  Shape shape = c.lead;
  shape.emplace_back(kK);
  ValueId x = b.input("x", DType::kF32, shape);
  if (c.x != DType::kF32) x = b.add("x16", graph::Cast{c.x}, {x});
  std::vector<ValueId> inputs{x, b.constant("w", random_tensor({kN, kK}, 1)), kNoValue, kNoValue};
  if (c.bias) inputs[2] = b.constant("b", random_tensor({kN}, 2));
  if (c.residual) {
    shape.back() = kN;
    inputs[3] = b.input("r", DType::kF32, shape);
  }
  output(b, b.add_results({"y"}, c.op, inputs));
  check(b, sum_tolerance(kK));
}

TEST(Decompose, Linear) {
  check_linear({.op = {}});
  check_linear({.op = {Activation::kRelu}, .bias = true});
  check_linear({.op = {Activation::kGelu}, .bias = true, .residual = true});
  check_linear({.op = {Activation::kSigmoid}, .residual = true, .lead = {kBatch}});
  check_linear({.op = {Activation::kNone}, .bias = true, .lead = {kBatch, 2, 3}});
}

TEST(Decompose, LinearIn16Bits) {
  for (const DType half : {DType::kBF16, DType::kF16}) {
    for (const DType x : {DType::kF32, half}) {
      for (const DType result : {DType::kF32, half}) {
        check_linear({.op = {Activation::kGelu, half, result}, .bias = true, .x = x});
      }
    }
    check_linear({.op = {Activation::kNone, half}, .bias = true, .residual = true});
  }
}

void check_int8(DType result, bool gain, bool residual, bool output_gain) {
  Builder b("int8");
  const ValueId x = b.input("x", DType::kF32, {kBatch, 3, kK});
  const std::vector<ValueId> q = b.add_results({"q", "s"}, graph::Quantize{}, {x});
  std::vector<ValueId> inputs{q[0], b.constant("w", random_tensor({kN, kK}, 1)),
                              b.constant("b", random_tensor({kN}, 2)), kNoValue, q[1]};
  inputs.resize(7, kNoValue);
  if (residual) inputs[3] = b.input("r", DType::kF32, {kBatch, 3, kN});
  const auto positive = [](std::int64_t count, unsigned seed) {
    std::vector<float> values = random_values(count, seed);
    for (float& value : values) value = std::fabs(value) + 0.5F;
    return make_tensor({count}, values);
  };
  if (gain) inputs[5] = b.constant("gain", positive(kK, 3));
  if (output_gain) inputs[6] = b.constant("output_gain", positive(kN, 4));
  output(b, b.add_results({"y"}, Linear{Activation::kGelu, DType::kI8, result}, inputs));
  // The products of integers are exact in both forms.
  check(b, sum_tolerance(kK), is_plain_or_quantize);
}

TEST(Decompose, LinearInInt8) {
  check_int8(DType::kF32, false, false, false);
  check_int8(DType::kF32, true, true, false);
  check_int8(DType::kBF16, true, false, false);
  check_int8(DType::kU8, false, false, false);
  check_int8(DType::kU8, true, false, true);
}

TEST(Decompose, MatMulBroadcastsBatches) {
  Builder b("matmul");
  const ValueId a = b.input("a", DType::kF32, {kBatch, 1, 5, kK});
  const ValueId c = b.input("c", DType::kF32, {3, 7, kK});
  b.output(b.add("y", graph::MatMul{Activation::kGelu}, {a, c}), "y");
  check(b, sum_tolerance(kK));
}

TEST(Decompose, Conv2d) {
  for (const DType weights : {DType::kF32, DType::kBF16, DType::kF16}) {
    for (const std::int64_t groups : {1, 2}) {
      Builder b("conv");
      const ValueId x = b.input("x", DType::kF32, {kBatch, 7, 9, 6});
      graph::Conv2d op{3, 2, {2, 1}, {1, 0, 0, 2}, Activation::kRelu, weights, {1, 2}, groups};
      if (groups == 2) op.output = weights;
      b.output(b.add("y", op,
                     {x, b.constant("w", random_tensor({4, 6 / groups, 3, 2}, 1)),
                      b.constant("b", random_tensor({4}, 2))}),
               "y");
      check(b, sum_tolerance(36));
    }
  }
}

TEST(Decompose, Conv2dWithRoundedResults) {
  for (const DType output : {DType::kBF16, DType::kU8}) {
    for (const Activation activation : {Activation::kNone, Activation::kRelu}) {
      Builder b("conv");
      const ValueId x = b.input("x", DType::kF32, {kBatch, 7, 9, 3});
      graph::Conv2d op{3, 2, 1, 0, activation};
      op.output = output;
      if (output == DType::kU8) op.result = {0.03F, 100};
      b.output(b.add("y", op, {x, b.constant("w", random_tensor({4, 3, 3, 2}, 1))}), "y");
      check(b, sum_tolerance(18));
    }
  }
}

TEST(Decompose, Conv2dOfSeveralImages) {
  Builder b("joined");
  const ValueId x = b.input("x", DType::kF32, {kBatch, 7, 9, 6});
  const ValueId y = b.input("y", DType::kF32, {kBatch, 7, 9, 3});
  const ValueId w = b.constant("w", random_tensor({4, 9, 1, 1}, 1));
  b.output(b.add("z", graph::Conv2d{}, {x, w, kNoValue, y}), "z");
  check(b, sum_tolerance(9));
}

TEST(Decompose, Deconv2d) {
  Builder b("deconv");
  const ValueId x = b.input("x", DType::kF32, {kBatch, 3, 5, 6});
  const ValueId w = b.constant("w", random_tensor({6, 4, 3, 2}, 1));
  graph::Deconv2d op{.kernel_h = 3, .kernel_w = 2, .stride = 2, .padding = 1, .groups = 2};
  op.activation = Activation::kGelu;
  b.output(b.add("y", op, {x, w, b.constant("b", random_tensor({8}, 2))}), "y");
  check(b, sum_tolerance(3 * 6));
}

TEST(Decompose, ConvTranspose2d) {
  for (const DType weights : {DType::kF32, DType::kBF16, DType::kF16}) {
    for (const std::int64_t stride : {1, 2, 3}) {
      const DType result = stride == 2 ? weights : DType::kF32;
      Builder b("conv_transpose");
      const ValueId x = b.input("x", DType::kF32, {kBatch, 3, 5, 11});
      const ValueId w = b.constant("w", random_tensor({11, 6, stride, stride}, 1));
      const ValueId bias = stride == 3 ? kNoValue : b.constant("b", random_tensor({6}, 2));
      b.output(b.add("y", graph::ConvTranspose2d{stride, Activation::kGelu, weights, result},
                     {x, w, bias}),
               "y");
      check(b, sum_tolerance(11));
    }
  }
}

TEST(Decompose, UpscaledProduct) {
  for (const DType weights : {DType::kF32, DType::kBF16, DType::kF16}) {
    for (const std::int64_t stride : {1, 2, 3}) {
      Builder b("upscaled_product");
      const ValueId a = b.input("a", DType::kF32, {kBatch, 4, 6});
      const ValueId x = b.input("x", DType::kF32, {kBatch, 3, 5, 11});
      const ValueId w = b.constant("w", random_tensor({11, 6, stride, stride}, 1));
      const ValueId bias = stride == 3 ? kNoValue : b.constant("b", random_tensor({6}, 2));
      b.output(
          b.add("y", graph::UpscaledProduct{stride, Activation::kGelu, weights}, {a, x, w, bias}),
          "y");
      check(b, 6 * sum_tolerance(11) + sum_tolerance(6 * 11));
    }
  }
}

TEST(Decompose, MaskUpscaling) {
  for (const DType weights : {DType::kF32, DType::kBF16, DType::kF16}) {
    const std::int64_t stride = weights == DType::kBF16 ? 1 : 2;
    Builder b("mask_upscaling");
    const ValueId a = b.input("a", DType::kF32, {kBatch, 4, 6});
    const ValueId x = b.input("x", DType::kF32, {kBatch, 3, 5, 11});
    std::vector<ValueId> inputs{a,
                                x,
                                b.constant("w1", random_tensor({11, 8, stride, stride}, 1)),
                                stride == 1 ? kNoValue : b.constant("b1", random_tensor({8}, 2)),
                                b.constant("gamma", random_tensor({8}, 3)),
                                b.constant("beta", random_tensor({8}, 4)),
                                b.constant("w2", random_tensor({8, 6, stride, stride}, 5))};
    if (stride == 2) inputs.push_back(b.constant("b2", random_tensor({6}, 6)));
    b.output(
        b.add("y",
              graph::MaskUpscaling{stride, 1e-6F, Activation::kGelu, Activation::kRelu, weights},
              inputs),
        "y");
    // Rows of eight random numbers are divided by deviations that may be small.
    check(b, 6 * (8 * 8 * sum_tolerance(11) + sum_tolerance(6 * 8)));
  }
}

TEST(Decompose, TokenToImage) {
  for (const bool full : {false, true}) {
    Builder b("token_to_image");
    const ValueId q = b.input("q", DType::kF32, {kBatch, 3, 6});
    const ValueId x = b.input("x", DType::kF32, {full ? kBatch : Dim(1), 11, 5});
    const ValueId p = full ? b.constant("p", random_tensor({11, 5}, 1)) : kNoValue;
    const ValueId wk = b.constant("wk", random_tensor({6, 5}, 2));
    const ValueId bk = full ? b.constant("bk", random_tensor({6}, 3)) : kNoValue;
    const ValueId wv = b.constant("wv", random_tensor({6, 5}, 4));
    std::vector<ValueId> inputs{q, x, p, wk, bk, wv};
    if (full) inputs.push_back(b.constant("bv", random_tensor({6}, 5)));
    b.output(b.add("y", graph::TokenToImage{2, 0.5F}, inputs), "y");
    check(b, 4 * sum_tolerance(5 * 3) + sum_tolerance(11 * 5));
  }
}

TEST(Decompose, ImageToToken) {
  for (const bool full : {false, true}) {
    Builder b("image_to_token");
    const ValueId x = b.input("x", DType::kF32, {full ? kBatch : Dim(1), 11, full ? 5 : 6});
    const ValueId p = full ? b.constant("p", random_tensor({1, 11, 5}, 1)) : kNoValue;
    const ValueId k = b.input("k", DType::kF32, {kBatch, 3, 6});
    const ValueId v = b.input("v", DType::kF32, {kBatch, 3, 6});
    const ValueId wo = b.constant("wo", random_tensor({4, 6}, 2));
    std::vector<ValueId> inputs{x, p, k, v, wo};
    if (full) {
      inputs.push_back(b.constant("bo", random_tensor({4}, 3)));
      inputs.push_back(b.input("r", DType::kF32, {1, 11, 4}));
      inputs.push_back(b.constant("wq", random_tensor({6, 5}, 4)));
      inputs.push_back(b.constant("bq", random_tensor({6}, 5)));
    }
    b.output(b.add("y", graph::ImageToToken{2, 0.5F}, inputs), "y");
    check(b, 4 * sum_tolerance(5 * 3) + sum_tolerance(6 * 3));
  }
}

TEST(Decompose, LayerNorm) {
  for (const DType result : {DType::kF32, DType::kBF16, DType::kF16, DType::kU8}) {
    Builder b("norm");
    const ValueId x = b.input("x", DType::kF32, {kBatch, 3, kK});
    output(b, b.add_results({"y", "s"}, graph::LayerNorm{1e-5F, Activation::kGelu, result},
                            {x, b.constant("gamma", random_tensor({kK}, 1)),
                             b.constant("beta", random_tensor({kK}, 2))}));
    // Mean and variance are such sums; the rows' deviation is about 1 / sqrt(3), by which they are
    // divided.
    check(b, 4 * sum_tolerance(kK) / kK + 1e-6);
  }
}

TEST(Decompose, AddNorm) {
  for (const DType result : {DType::kF32, DType::kBF16, DType::kF16}) {
    for (const bool sums : {false, true}) {
      for (const bool keep : {false, true}) {
        if (!keep && !sums && result == DType::kF32) continue;  // no result
        Builder b("add_norm");
        const ValueId x = b.input("x", DType::kF32, {kBatch, 3, kK});
        std::vector<ValueId> inputs{x, b.constant("gamma", random_tensor({kK}, 1)),
                                    b.constant("beta", random_tensor({kK}, 2))};
        if (sums) {
          inputs.push_back(b.input("r", DType::kF32, {1, 3, kK}));
          inputs.push_back(b.constant("p", random_tensor({kK}, 3)));
        }
        output(b,
               b.add_results({"y", "z", "s"},
                             graph::AddNorm{1e-5F, keep, result != DType::kF32, result}, inputs));
        check(b, 4 * sum_tolerance(kK) / kK + 2e-6);
      }
    }
  }
}

TEST(Decompose, QuantizeWithRowsOfZeros) {
  for (const bool gain : {false, true}) {
    Builder b("quantize");
    const ValueId x = b.input("x", DType::kF32, {kBatch, 3, kK});
    std::vector<float> mask(3 * kK, 1.0F);
    for (std::size_t i = kK; i < 2 * kK; ++i) mask[i] = 0.0F;
    const ValueId masked = b.add("masked", graph::Binary{graph::BinaryKind::kMul},
                                 {x, b.constant("mask", make_tensor({3, kK}, mask))});
    std::vector<ValueId> inputs{masked};
    if (gain) inputs.push_back(b.constant("gain", random_tensor({kK}, 3)));
    output(b, b.add_results({"q", "s"}, graph::Quantize{}, inputs));
    check(b, 2 * kEpsilon);
  }
}

TEST(Decompose, QuantizeOfBfloat16) {
  Builder b("quantize");
  const ValueId x = b.input("x", DType::kF32, {kBatch, kK});
  output(b, b.add_results({"q", "s"}, graph::Quantize{},
                          {b.add("x16", graph::Cast{DType::kBF16}, {x})}));
  check(b, 2 * kEpsilon);
}

TEST(Decompose, ElementsAndSoftmax) {
  for (const Activation activation :
       {Activation::kGelu, Activation::kRelu, Activation::kSigmoid, Activation::kSilu}) {
    Builder b("elements");
    const ValueId x = b.input("x", DType::kF32, {kBatch, 3, kK});
    const ValueId row = b.input("row", DType::kF32, {kK});
    const ValueId sum = b.add("sum", graph::Binary{graph::BinaryKind::kSub, activation}, {x, row});
    b.output(b.add("y", graph::Unary{activation}, {sum}), "y");
    const graph::Binary leaky{graph::BinaryKind::kSub, Activation::kLeakyRelu};
    b.output(b.add("z", leaky, {x, row}), "z");
    b.output(b.add("p", graph::Softmax{1}, {x}), "p");
    b.output(b.add("q", graph::Softmax{2}, {x}), "q");
    check(b, sum_tolerance(1));
  }
}

// The scores are sums of d products; their error goes into the weights relatively, and the result
// is a mean of values up to 1, once more summed over the keys.
double attention_tolerance(std::int64_t width, std::int64_t keys) {
  return 2 * sum_tolerance(3 * width) + 2 * kEpsilon * (6 + std::sqrt(static_cast<double>(keys)));
}

TEST(Decompose, AttentionBroadcastsBatches) {
  const std::vector<std::array<Dim, 3>> batches{
      {kBatch, kBatch, kBatch}, {Dim(1), kBatch, kBatch}, {kBatch, Dim(1), Dim(1)}};
  for (const auto& batch : batches) {
    for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF16}) {
      Builder b("attention");
      const auto input = [&](const char* name, const Dim& count, std::int64_t tokens) {
        const ValueId x = b.input(name, DType::kF32, {count, tokens, 3 * 7});
        const std::string cast = std::string(name) + "16";
        return dtype == DType::kF32 ? x : b.add(cast, graph::Cast{dtype}, {x});
      };
      const ValueId q = input("q", batch[0], 5);
      const ValueId k = input("k", batch[1], 11);
      const ValueId v = input("v", batch[2], 11);
      b.output(b.add("y", graph::Attention{3, 0.4F}, {q, k, v}), "y");
      check(b, attention_tolerance(7, 11));
    }
  }
}

struct WindowCase {
  std::int64_t height = 5;
  std::int64_t width = 5;
  std::int64_t window = 0;
  bool positions = true;
  bool pad = true;
  DType dtype = DType::kF32;
};

void check_window(const WindowCase& c) {
  SCOPED_TRACE(std::to_string(c.height) + "x" + std::to_string(c.width) + " by " +
               std::to_string(c.window));
  constexpr std::int64_t kHeads = 2;
  constexpr std::int64_t kWidth = 5;
  Builder b("window");
  ValueId qkv = b.input("qkv", DType::kF32, {kBatch, c.height, c.width, 3 * kHeads * kWidth});
  if (c.dtype != DType::kF32) qkv = b.add("qkv16", graph::Cast{c.dtype}, {qkv});
  const std::int64_t side = c.window > 0 ? c.window : c.height;
  std::vector<ValueId> inputs{qkv, kNoValue, kNoValue, kNoValue};
  if (c.positions) {
    inputs[1] = b.constant("rh", random_tensor({2 * side - 1, kWidth}, 1));
    inputs[2] = b.constant("rw", random_tensor({2 * side - 1, kWidth}, 2));
  }
  if (c.pad) inputs[3] = b.constant("pad", random_tensor({3 * kHeads * kWidth}, 3));
  b.output(b.add("y", graph::WindowAttention{kHeads, c.window, 0.45F}, inputs), "y");
  check(b, attention_tolerance(kWidth, side * side));
}

TEST(Decompose, WindowAttention) {
  // Windows that fill the grid, that leave it on one side and on both, and one larger than it.
  check_window({.height = 6, .width = 9, .window = 3});
  check_window({.height = 7, .width = 9, .window = 3});
  check_window({.height = 6, .width = 5, .window = 3});
  check_window({.height = 5, .width = 7, .window = 3});
  check_window({.height = 2, .width = 3, .window = 4});
  check_window({.height = 5, .width = 7, .window = 3, .pad = false});
  check_window({.height = 5, .width = 7, .window = 3, .positions = false});
  check_window({.height = 5, .width = 5});
  check_window({.height = 4, .width = 6, .positions = false, .pad = false});
  check_window({.height = 5, .width = 7, .window = 3, .dtype = DType::kBF16});
  check_window({.height = 5, .width = 7, .window = 3, .dtype = DType::kF16});
}

TEST(Decompose, WindowAttentionOfAnyGrid) {
  Builder b("window");
  const Dim height = kBatch * 3 + 1;  // 7 rows
  const ValueId image = b.input("image", DType::kF32, {kBatch, 8, 4, 30});
  const ValueId rows = b.add("rows", graph::Slice{1, 0, height}, {image});
  b.output(b.add("y", graph::WindowAttention{2, 3, 0.45F}, {rows, kNoValue, kNoValue, kNoValue}),
           "y");
  check(b, attention_tolerance(5, 9));
}

TEST(Decompose, FourierFeatures) {
  for (const Shape& lead : {Shape{kBatch, 3}, Shape{}}) {
    Builder b("features");
    Shape shape = lead;
    shape.emplace_back(2);
    const ValueId x = b.input("x", DType::kF32, shape);
    b.output(b.add("y", graph::FourierFeatures{}, {x, b.constant("m", random_tensor({2, 9}, 1))}),
             "y");
    // Angles up to 2 pi 3 * 2, rounded a few times; neither sine nor cosine is steeper than 1.
    check(b, 8 * kEpsilon * 38);
  }
}

TEST(Decompose, OnlyWhatTheTargetLacks) {
  Builder b("program");
  const ValueId x = b.input("x", DType::kF32, {kBatch, kK});
  const ValueId w = b.constant("w", random_tensor({kN, kK}, 1));
  const ValueId h = b.add("h", Linear{Activation::kGelu}, {x, w});
  b.output(b.add("y", graph::Softmax{1}, {h}), "y");
  const graph::Graph graph = b.finish();
  PassContext context;
  EXPECT_EQ(to_string(decompose(graph, context)), to_string(graph));
  context.has_kernel = [](const graph::Graph&, const graph::Node& node) {
    return !std::holds_alternative<graph::Softmax>(node.op);
  };
  std::vector<std::string> ops;
  const graph::Graph result = test::optimized(graph, context);
  for (const graph::Node& node : result.nodes) ops.emplace_back(graph::op_name(node.op));
  EXPECT_EQ(ops, (std::vector<std::string>{"linear", "reduce", "sub", "exp", "reduce", "div"}));
  // Without a kernel and without plainer ops, a node stays, and the compiler names it.
  context.has_kernel = [](const graph::Graph&, const graph::Node&) { return false; };
  const graph::Graph plain = test::optimized(graph, context);
  EXPECT_EQ(graph::op_name(plain.nodes.front().op), "matmul");
}

}  // namespace
}  // namespace lasso::passes
