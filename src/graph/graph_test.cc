#include "graph/graph.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "graph/builder.h"
#include "lasso/error.h"
#include "support/tensors.h"

namespace lasso::graph {
namespace {

using test::zeros;

const Dim kBatch = Dim::symbol("batch");

Graph two_layers() {
  Builder b("mlp");
  const ValueId x = b.input("x", DType::kF32, {kBatch, 8});
  const ValueId w1 = b.constant("w1", zeros({16, 8}));
  const ValueId w2 = b.constant("w2", zeros({4, 16}));
  const ValueId h = b.add("h", Linear{Activation::kRelu}, {x, w1, kNoValue});
  b.output(b.add("y", Linear{}, {h, w2}), "y");
  return b.finish();
}

TEST(Graph, PrintsOneLinePerNode) {
  EXPECT_EQ(to_string(two_layers()),
            "program mlp\n"
            "  input  %x: float32 [batch, 8]\n"
            "  %h: float32 [batch, 16] = linear(%x, @w1, none) {activation=relu}\n"
            "  %y: float32 [batch, 4] = linear(%h, @w2)\n"
            "  output %y\n");
}

TEST(Op, PrintsAttributesThatSaySomething) {
  EXPECT_EQ(attributes(Linear{}), "");
  EXPECT_EQ(attributes(Linear{Activation::kGelu, DType::kI8, DType::kU8}),
            "activation=gelu, weights=int8, output=uint8");
  EXPECT_EQ(attributes(WindowAttention{2, 0, 0.5F}), "heads=2, window=global, scale=0.5");
  EXPECT_EQ(attributes(WindowAttention{2, 14, 0.5F}), "heads=2, window=14, scale=0.5");
  EXPECT_EQ(attributes(Slice{1, kBatch, kBatch + 2}), "axis=1, begin=batch, end=batch + 2");
  EXPECT_EQ(attributes(Transpose{{0, 2, 1}}), "permutation=0,2,1");
  EXPECT_EQ(attributes(Reshape{{kBatch, 3}}), "");
  EXPECT_EQ(op_name(Binary{BinaryKind::kMul}), "mul");
  EXPECT_EQ(op_name(LayerNorm{}), "layer_norm");
}

TEST(Op, EqualWhereAllAttributesAre) {
  const Op a = Reshape{{kBatch, 3}};
  EXPECT_EQ(a, Op(Reshape{{kBatch, 3}}));
  EXPECT_NE(a, Op(Reshape{{kBatch, 4}}));
  EXPECT_NE(a, Op(Expand{{kBatch, 3}}));
}

TEST(Graph, CountsOperations) {
  const Graph graph = two_layers();
  EXPECT_EQ(flops(graph, graph.nodes[0], {{"batch", 3}}), 2.0 * 3 * 16 * 8);
}

TEST(Verify, FindsUseBeforeDefinition) {
  Graph graph = two_layers();
  std::swap(graph.nodes[0], graph.nodes[1]);
  EXPECT_THROW(verify(graph), Error);
}

TEST(Verify, FindsDoubleAssignment) {
  Graph graph = two_layers();
  graph.nodes.push_back(graph.nodes[0]);
  EXPECT_THROW(verify(graph), Error);
}

TEST(Verify, FindsWrongShape) {
  Graph graph = two_layers();
  graph.value(graph.nodes[1].outputs[0]).shape = {kBatch, 5};
  EXPECT_THROW(verify(graph), Error);
}

TEST(Verify, FindsIdOutOfRange) {
  Graph graph = two_layers();
  graph.nodes[0].inputs[0] = 99;
  EXPECT_THROW(verify(graph), Error);
}

TEST(Verify, FindsUnboundSymbols) {
  Graph graph = two_layers();
  graph.value(graph.inputs[0]).shape[0] = kBatch + 1;
  EXPECT_THROW(verify(graph), Error);
}

// What survives of each image's boxes, of which there is room for 8.
Graph counted() {
  Builder b("counted");
  const ValueId boxes = b.input("boxes", DType::kF32, {kBatch, 8, 4});
  const ValueId kept = b.input("kept", DType::kI32, {kBatch});
  b.set_count(boxes, kept);
  const ValueId index = b.input("index", DType::kI32, {2});
  b.output(b.add("chosen", Gather{}, {boxes, index}), "chosen");
  return b.finish();
}

TEST(Graph, ValuesMayHaveACount) {
  const Graph graph = counted();
  EXPECT_EQ(to_string(graph),
            "program counted\n"
            "  input  %boxes: float32 [batch, 8, 4] count=%kept\n"
            "  input  %kept: int32 [batch]\n"
            "  input  %index: int32 [2]\n"
            "  %chosen: float32 [2, 8, 4] = gather(%boxes, %index) {offset=0}\n"
            "  output %chosen\n");
  EXPECT_EQ(use_counts(graph)[static_cast<std::size_t>(graph.inputs[1])], 1);
}

TEST(Verify, FindsCountsThatCountSomethingElse) {
  const auto count_by = [](DType dtype, Shape shape) {
    Graph graph = counted();
    graph.value(graph.inputs[1]).dtype = dtype;
    graph.value(graph.inputs[1]).shape = std::move(shape);
    verify(graph);
  };
  EXPECT_NO_THROW(count_by(DType::kI32, {}));
  EXPECT_NO_THROW(count_by(DType::kI32, {kBatch, 8}));
  EXPECT_THROW(count_by(DType::kI64, {kBatch}), Error);
  EXPECT_THROW(count_by(DType::kI32, {8}), Error);
  EXPECT_THROW(count_by(DType::kI32, {kBatch, 8, 4}), Error);
  Graph graph = counted();
  graph.value(graph.inputs[0]).count = 99;
  EXPECT_THROW(verify(graph), Error);
  graph = counted();
  graph.value(graph.inputs[0]).count = graph.outputs[0];  // made later
  EXPECT_THROW(verify(graph), Error);
}

TEST(Profile, BoundsBindings) {
  const Profile profile{{"batch", {2, 4, 8}}};
  EXPECT_NO_THROW(check_profile("p", profile));
  for (const Range& range :
       {Range{0, 1, 2}, Range{3, 2, 4}, Range{1, 5, 4}, Range{1, 1, kMaxSymbol + 1}}) {
    EXPECT_THROW(check_profile("p", {{"batch", range}}), Error);
  }
  EXPECT_NO_THROW(check_bindings("p", profile, {{"batch", 8}, {"points", 1}}));
  EXPECT_THROW(check_bindings("p", profile, {{"batch", 2}, {"points", 0}}), Error);
  try {
    check_bindings("p", profile, {{"batch", 9}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_STREQ(error.what(), "program p: batch is 9, and 2 to 8 is expected");
  }
}

TEST(Profile, HasPartsOfASymbol) {
  const Range range = joined({{7, 8, 9}, {1, 2, 3}});
  EXPECT_EQ(range.min, 1);
  EXPECT_EQ(range.opt, 8) << "of the first";
  EXPECT_EQ(range.max, 9);
  EXPECT_EQ(joined({{1, 2, 3}}), (Range{1, 2, 3}));
  EXPECT_EQ(to_string(range), "7 to 9 or 1 to 3");
  const Profile profile{{"batch", range}};
  EXPECT_NO_THROW(check_profile("p", profile));
  EXPECT_THROW(check_profile("p", {{"batch", joined({{7, 8, 9}, {2, 1, 3}})}}), Error);
  EXPECT_EQ(least_value(Dim::symbol("batch"), profile), 1);
  for (const std::int64_t size : {1, 3, 7, 9}) {
    EXPECT_NO_THROW(check_bindings("p", profile, {{"batch", size}})) << size;
  }
  for (const std::int64_t size : {0, 4, 6, 10}) {
    EXPECT_THROW(check_bindings("p", profile, {{"batch", size}}), Error) << size;
  }
}

TEST(Verify, FindsProfilesOfOtherSymbols) {
  Graph graph = two_layers();
  graph.profile = {{"batch", {1, 2, 4}}};
  EXPECT_NO_THROW(verify(graph));
  graph.typical = {{"batch", 5}};
  EXPECT_THROW(verify(graph), Error);
  graph.typical = {};
  graph.profile = {{"rows", {1, 2, 4}}};
  EXPECT_THROW(verify(graph), Error);
}

TEST(Op, TakesTheValuesOfSymbols) {
  EXPECT_EQ(bound(Reshape{{kBatch * 2, 3}}, {{"batch", 5}}), Op(Reshape{{10, 3}}));
  EXPECT_EQ(bound(Slice{1, 0, kBatch - 1}, {{"batch", 5}}), Op(Slice{1, 0, 4}));
  EXPECT_THROW(bound(Slice{1, kBatch, kBatch + 2}, {}), Error);
}

TEST(Infer, NamesOpAndShapes) {
  Builder b("p");
  const ValueId x = b.input("x", DType::kF32, {kBatch, 8});
  const ValueId w = b.constant("w", zeros({16, 9}));
  try {
    b.add("y", Linear{}, {x, w});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_STREQ(
        error.what(),
        "program p, value \"y\": linear(float32 [batch, 8], float32 [16, 9]): expected the "
        "last dimension of x to be the second one of W");
  }
}

TEST(Infer, ConvolutionsOfSeveralImages) {
  Builder b("p");
  const Dim width = Dim::symbol("width");
  const ValueId first = b.input("first", DType::kF32, {1, 4, width, 6});
  const ValueId second = b.input("second", DType::kF32, {1, 4, width, 2});
  const ValueId w = b.constant("w", zeros({3, 8, 1, 1}));
  const ValueId y = b.add("y", Conv2d{}, {first, w, kNoValue, second});
  EXPECT_EQ(to_string(b.shape(y)), "[1, 4, width, 3]");
  const ValueId narrow = b.input("narrow", DType::kF32, {1, 4, 5, 2});
  EXPECT_THROW(b.add("y2", Conv2d{}, {first, w, kNoValue, narrow}), Error);
  const ValueId integers = b.input("integers", DType::kI32, {1, 4, width, 2});
  EXPECT_THROW(b.add("y3", Conv2d{}, {first, w, kNoValue, integers}), Error);
  EXPECT_THROW(b.add("y4", Conv2d{}, {first, w, kNoValue, first}), Error);  // 12 channels
  const ValueId large = b.constant("large", zeros({3, 8, 3, 3}));
  EXPECT_THROW(b.add("y5", Conv2d{3, 3, 1, 1}, {first, large, kNoValue, second}), Error);
}

TEST(Infer, ConvolutionsOfAllKinds) {
  Builder b("p");
  const Dim height = Dim::symbol("height");
  const Dim width = Dim::symbol("width");
  const ValueId image = b.input("image", DType::kF32, {1, height, width, 6});
  const ValueId w = b.constant("w", zeros({4, 3, 3, 5}));
  Conv2d op{3, 5, {2, 1}, {1, 0, 2, 4}};
  op.groups = 2;
  const ValueId y = b.add("y", op, {image, w});
  EXPECT_EQ(to_string(b.shape(y)), "[1, floor(height/2) + 1, width, 4]");
  EXPECT_EQ(attributes(op), "kernel_h=3, kernel_w=5, stride=2x1, padding=1,0,2,4, groups=2");
  op.dilation = {1, 2};
  EXPECT_EQ(to_string(b.shape(b.add("z", op, {image, w}))),
            "[1, floor(height/2) + 1, width - 4, 4]");
  const ValueId small = b.input("small", DType::kF32, {1, 4, 4, 6});
  EXPECT_THROW(b.add("w2", op, {small, w}), Error);  // the window has 9 columns, and there are 8
  op.dilation = 1;
  op.groups = 4;
  EXPECT_THROW(b.add("w3", op, {image, w}), Error);
  op.groups = 0;
  EXPECT_THROW(b.add("w4", op, {image, w}), Error);
  op.groups = 2;
  op.stride.w = 0;
  EXPECT_THROW(b.add("w5", op, {image, w}), Error);
  op.stride.w = 1;
  op.padding.right = -1;
  EXPECT_THROW(b.add("w6", op, {image, w}), Error);
  op.padding.right = (std::int64_t{1} << 24) + 1;
  EXPECT_THROW(b.add("w7", op, {image, w}), Error);
  op.padding.right = std::int64_t{1} << 24;
  EXPECT_EQ(to_string(b.shape(b.add("w8", op, {image, w}))),
            "[1, floor(height/2) + 1, width + 16777212, 4]");
}

// The result's size is one floor, also where it is rounded up: whatever the symbol stands for, no
// last window begins behind the image.
TEST(Infer, PoolsOfAllKinds) {
  Builder b("p");
  const Dim height = Dim::symbol("height");
  const ValueId image = b.input("image", DType::kF32, {1, height, 9, 6});
  Pool2d op{.kernel_h = 3, .kernel_w = 2, .stride = 2};
  EXPECT_EQ(to_string(b.shape(b.add("a", op, {image}))), "[1, floor((height + 1)/2) - 1, 4, 6]");
  op.ceil = true;
  EXPECT_EQ(to_string(b.shape(b.add("b", op, {image}))), "[1, floor(height/2), 5, 6]");
  op.kernel_h = 1;
  op.padding = {1, 0, 1, 0};
  for (const std::int64_t rows : {1, 2, 3, 4, 7, 8}) {
    // PyTorch's rule: ceil, and one less where the last window begins behind the image.
    std::int64_t count = (rows + 1 + 1) / 2 + 1;
    if ((count - 1) * 2 >= rows + 1) --count;
    const ValueId y = b.add("y", op, {b.input("x", DType::kF32, {1, rows, 9, 6})});
    EXPECT_EQ(b.shape(y)[1], Dim(count)) << rows;
    EXPECT_EQ(b.shape(b.add("z", op, {image}))[1].evaluate({{"height", rows}}), count) << rows;
  }
  EXPECT_EQ(attributes(op),
            "kind=max, kernel_h=1, kernel_w=2, stride=2, padding=1,0,1,0, ceil=true");
  op.ceil = false;
  op.kernel_w = 10;
  EXPECT_THROW(b.add("c", op, {image}), Error);
  op.kernel_w = 2;
  op.stride.h = 0;
  EXPECT_THROW(b.add("d", op, {image}), Error);
  op.stride.h = std::int64_t{1} << 40;
  EXPECT_THROW(b.add("e", op, {image}), Error);
  op.stride.h = 1;
  op.padding.left = -1;
  EXPECT_THROW(b.add("f", op, {image}), Error);
}

TEST(Infer, ResizesToAnySize) {
  Builder b("p");
  const Dim height = Dim::symbol("height");
  const ValueId image = b.input("image", DType::kF32, {kBatch, height, 9, 6});
  Resize op{.mode = ResizeMode::kLinear, .coordinates = ResizeCoordinates::kAsymmetric};
  op.height = height * 2;
  op.width = 30;
  const ValueId y = b.add("y", op, {image});
  EXPECT_EQ(to_string(b.shape(y)), "[batch, 2*height, 30, 6]");
  EXPECT_EQ(attributes(op), "mode=linear, coordinates=asymmetric");
  EXPECT_EQ(std::get<Resize>(bound(op, {{"height", 5}})).height, Dim(10));
  op.width = -1;
  EXPECT_THROW(b.add("z", op, {image}), Error);
}

TEST(Infer, TransposedConvolutionsOfAllKinds) {
  Builder b("p");
  const Dim height = Dim::symbol("height");
  const ValueId image = b.input("image", DType::kF32, {kBatch, height, 9, 6});
  const ValueId w = b.constant("w", zeros({6, 4, 3, 2}));
  Deconv2d op{.kernel_h = 3, .kernel_w = 2, .stride = {2, 3}, .padding = {1, 0, 1, 2}};
  op.output_padding = {1, 0};
  const ValueId y = b.add("y", op, {image, w});
  EXPECT_EQ(to_string(b.shape(y)), "[batch, 2*height, 24, 4]");  // 24 = 8 * 3 + 2 - 2
  EXPECT_EQ(attributes(op),
            "kernel_h=3, kernel_w=2, stride=2x3, padding=1,0,1,2, output_padding=1x0");
  op.groups = 3;
  op.dilation = {2, 1};
  EXPECT_EQ(to_string(b.shape(b.add("z", op, {image, w}))), "[batch, 2*height + 2, 24, 12]");
  op.groups = 4;
  EXPECT_THROW(b.add("a", op, {image, w}), Error);
  op.groups = 1;
  op.padding.left = 40;
  EXPECT_THROW(b.add("c", op, {image, w}), Error);
  op.padding.left = -1;
  EXPECT_THROW(b.add("d", op, {image, w}), Error);
}

TEST(Infer, PlainOps) {
  Builder b("p");
  const ValueId x = b.input("x", DType::kF32, {kBatch, 3, 5});
  const auto shape_of = [&](Op op) { return to_string(b.shape(b.add("y", std::move(op), {x}))); };
  EXPECT_EQ(shape_of(Reduce{ReduceKind::kMean, {2}, true}), "[batch, 3, 1]");
  EXPECT_EQ(shape_of(Reduce{ReduceKind::kMax, {2, 0}, false}), "[3]");
  EXPECT_THROW(shape_of(Reduce{ReduceKind::kSum, {1, 1}, true}), Error);
  EXPECT_EQ(shape_of(Softmax{1}), "[batch, 3, 5]");
  EXPECT_THROW(shape_of(Softmax{3}), Error);
  EXPECT_EQ(shape_of(Pad{{0, kBatch, 1}, {0, 0, 2}, 1.0F}), "[batch, batch + 3, 8]");
  EXPECT_THROW(shape_of(Pad{{0, 0}, {0, 0}}), Error);
  EXPECT_EQ(op_name(Unary{UnaryKind::kErf}), "erf");
  EXPECT_EQ(op_name(Unary{Activation::kGelu}), "gelu");
  EXPECT_EQ(attributes(Reduce{ReduceKind::kMean, {2}, true}), "kind=mean, axes=2");
}

// Products in a type of 16 bits read it, or float32, and not the other one.
TEST(Infer, TypesOf16BitsDoNotMix) {
  const auto value = [](DType dtype, Shape shape) {
    Value result;
    result.dtype = dtype;
    result.shape = std::move(shape);
    return result;
  };
  const auto type_of = [](const Op& op, const std::vector<Value>& inputs) {
    std::vector<const Value*> pointers;
    for (const Value& input : inputs) pointers.push_back(&input);
    return infer(op, pointers).front().dtype;
  };
  const Value w = value(DType::kF32, {8, 8});
  const Value filters = value(DType::kF32, {8, 8, 1, 1});
  const auto image = [&](DType dtype) { return value(dtype, {kBatch, 4, 4, 8}); };
  const auto tokens = [&](DType dtype) { return value(dtype, {kBatch, 16, 8}); };
  constexpr auto kF32 = DType::kF32;
  constexpr auto kNone = Activation::kNone;
  const Attention attention{2, 1.0F};
  for (const DType half : {DType::kF16, DType::kBF16}) {
    const DType other = half == DType::kF16 ? DType::kBF16 : DType::kF16;
    Conv2d conv;
    conv.weights = half;
    for (const DType x : {kF32, half}) {
      EXPECT_EQ(type_of(Linear{kNone, half, half}, {image(x), w}), half);
      EXPECT_EQ(type_of(Linear{kNone, half, kF32}, {image(x), w}), kF32);
      EXPECT_EQ(type_of(ConvTranspose2d{1, kNone, half, half}, {image(x), filters}), half);
      EXPECT_EQ(type_of(conv, {image(x), filters}), kF32);
      EXPECT_EQ(type_of(attention, {tokens(x), tokens(x), tokens(x)}), x);
    }
    EXPECT_THROW(type_of(Linear{kNone, half}, {image(other), w}), Error);
    EXPECT_THROW(type_of(Linear{kNone, half, other}, {image(half), w}), Error);
    EXPECT_THROW(type_of(Linear{}, {image(half), w}), Error);
    EXPECT_THROW(type_of(conv, {image(other), filters}), Error);
    EXPECT_THROW(type_of(ConvTranspose2d{1, kNone, half}, {image(other), filters}), Error);
    EXPECT_THROW(type_of(ConvTranspose2d{1, kNone, half, other}, {image(half), filters}), Error);
    EXPECT_THROW(type_of(attention, {tokens(half), tokens(kF32), tokens(kF32)}), Error);
    EXPECT_THROW(type_of(attention, {tokens(half), tokens(half), tokens(other)}), Error);
  }
}

TEST(Infer, IntegersAndBooleansAreTypesLikeOthers) {
  Builder b("p");
  const ValueId x = b.input("x", DType::kI64, {kBatch, 3});
  const ValueId sum = b.add("sum", Binary{BinaryKind::kAdd}, {x, x});
  const ValueId largest = b.add("largest", Reduce{ReduceKind::kMax, {1}, false}, {sum});
  const ValueId flag = b.add("flag", Cast{DType::kBool}, {largest});
  b.output(b.add("joined", Concat{0}, {flag, flag}), "joined");
  const Graph graph = b.finish();
  EXPECT_EQ(graph.value(sum).dtype, DType::kI64);
  EXPECT_EQ(graph.value(graph.outputs[0]).dtype, DType::kBool);
  EXPECT_THROW(b.add("y", Unary{UnaryKind::kExp}, {b.input("i", DType::kI32, {2})}), Error);
  Builder c("p");
  const ValueId i = c.input("i", DType::kI32, {2});
  const ValueId f = c.input("f", DType::kF32, {2});
  EXPECT_THROW(c.add("y", Binary{BinaryKind::kAdd}, {i, f}), Error);
  EXPECT_THROW(c.add("y", Binary{BinaryKind::kAdd, Activation::kRelu}, {i, i}), Error);
}

TEST(Infer, ComparisonsAndChoices) {
  const auto value = [](DType dtype, Shape shape) {
    Value result;
    result.dtype = dtype;
    result.shape = std::move(shape);
    return result;
  };
  const Value x = value(DType::kF32, {kBatch, 3});
  const Value row = value(DType::kF32, {3});
  const Value bytes = value(DType::kU8, {3});
  const Value flags = value(DType::kBool, {kBatch, 1});
  const auto result_of = [](const Op& op, const std::vector<Value>& inputs) {
    std::vector<const Value*> pointers;
    for (const Value& input : inputs) pointers.push_back(&input);
    const Value result = infer(op, pointers).front();
    return std::string(to_string(result.dtype)) + " " + to_string(result.shape);
  };
  EXPECT_EQ(result_of(Compare{CompareKind::kLess}, {row, x}), "bool [batch, 3]");
  EXPECT_EQ(result_of(Compare{}, {flags, flags}), "bool [batch, 1]");
  EXPECT_EQ(result_of(Binary{BinaryKind::kAnd}, {flags, flags}), "bool [batch, 1]");
  EXPECT_EQ(result_of(Binary{BinaryKind::kOr}, {bytes, bytes}), "uint8 [3]");
  EXPECT_EQ(result_of(Unary{UnaryKind::kNot}, {flags}), "bool [batch, 1]");
  EXPECT_EQ(result_of(Unary{UnaryKind::kIsNan}, {x}), "bool [batch, 3]");
  EXPECT_EQ(result_of(Select{}, {flags, row, row}), "float32 [batch, 3]");
  EXPECT_EQ(result_of(Select{}, {flags, bytes, bytes}), "uint8 [batch, 3]");
  EXPECT_EQ(result_of(LeakyRelu{0.1F}, {x}), "float32 [batch, 3]");
  EXPECT_THROW(result_of(Compare{CompareKind::kLess}, {flags, flags}), Error);
  EXPECT_THROW(result_of(Compare{}, {x, bytes}), Error);
  EXPECT_THROW(result_of(Binary{BinaryKind::kAnd}, {x, x}), Error);
  EXPECT_THROW(result_of(Binary{BinaryKind::kAdd}, {flags, flags}), Error);
  EXPECT_THROW(result_of(Unary{UnaryKind::kNot}, {bytes}), Error);
  EXPECT_THROW(result_of(Unary{UnaryKind::kTan}, {bytes}), Error);
  EXPECT_THROW(result_of(Select{}, {bytes, row, row}), Error);
  EXPECT_THROW(result_of(Select{}, {flags, row, bytes}), Error);
  EXPECT_THROW(result_of(LeakyRelu{}, {bytes}), Error);
  EXPECT_EQ(op_name(Compare{CompareKind::kGreaterEqual}), "greater_equal");
  EXPECT_EQ(attributes(LeakyRelu{0.5F}), "slope=0.5");
  EXPECT_EQ(activation_of(UnaryKind::kSilu), Activation::kSilu);
}

TEST(Infer, Shapes) {
  Builder b("p");
  const ValueId image = b.input("image", DType::kF32, {kBatch, 32, 48, 3});
  const ValueId w = b.constant("w", zeros({5, 3, 16, 16}));
  const ValueId patches = b.add("patches", Conv2d{16, 16, 16, 0}, {image, w});
  EXPECT_EQ(to_string(b.shape(patches)), "[batch, 2, 3, 5]");
  const ValueId up = b.constant("up", zeros({5, 7, 2, 2}));
  EXPECT_EQ(to_string(b.shape(b.add("up2", ConvTranspose2d{2}, {patches, up}))),
            "[batch, 4, 6, 7]");
  EXPECT_EQ(to_string(b.shape(b.add("t", Transpose{{0, 3, 1, 2}}, {patches}))), "[batch, 5, 2, 3]");
  EXPECT_EQ(to_string(b.shape(b.add("r", Reshape{{kBatch * 6, 5}}, {patches}))), "[6*batch, 5]");
  EXPECT_THROW(b.add("r2", Reshape{{kBatch, 5}}, {patches}), Error);
  const ValueId joined = b.add("c", Concat{1}, {patches, patches});
  EXPECT_EQ(to_string(b.shape(joined)), "[batch, 4, 3, 5]");
  EXPECT_EQ(to_string(b.shape(b.add("s", Slice{1, 1, 3}, {joined}))), "[batch, 2, 3, 5]");
  EXPECT_THROW(b.add("s2", Slice{1, 1, 5}, {joined}), Error);
}

}  // namespace
}  // namespace lasso::graph
