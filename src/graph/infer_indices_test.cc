#include <gtest/gtest.h>

#include "graph/builder.h"
#include "graph/op_json.h"
#include "lasso/error.h"

namespace lasso::graph {
namespace {

const Dim kBatch = Dim::symbol("batch");
const Dim kWidth = Dim::symbol("width");

// The shapes of an op's results, one after another: "[2, 3] [2]".
std::string shapes(const Op& op, const std::vector<Value>& inputs) {
  std::vector<const Value*> pointers;
  for (const Value& input : inputs) pointers.push_back(&input);
  std::string text;
  for (const Value& result : infer(op, pointers)) {
    text += (text.empty() ? "" : " ") + to_string(result.shape);
  }
  return text;
}

Value of(Shape shape, DType dtype = DType::kF32) {
  Value value;
  value.dtype = dtype;
  value.shape = std::move(shape);
  return value;
}
Value indices(Shape shape) { return of(std::move(shape), DType::kI32); }

TEST(InferIndices, SlicesWithSteps) {
  EXPECT_EQ(shapes(Slice{0, 1, 6, 2}, {of({9, 4})}), "[3, 4]");
  EXPECT_EQ(shapes(Slice{1, 3, -1, -1}, {of({9, 4})}), "[9, 4]");
  EXPECT_EQ(shapes(Slice{1, 3, 0, -2}, {of({9, 4})}), "[9, 2]");
  EXPECT_EQ(shapes(Slice{0, 8, -1, -3}, {of({9})}), "[3]");
  EXPECT_EQ(shapes(Slice{1, 1, kWidth + 1}, {of({2, kWidth + 1})}), "[2, width]");
  const Slice half{1, 0, kWidth, 2};
  const Slice back{1, kWidth - 1, -1, -2};
  for (const std::int64_t width : {1, 2, 7, 8}) {
    const Bindings bindings{{"width", width}};
    EXPECT_EQ(half.count().evaluate(bindings), (width + 1) / 2);
    EXPECT_EQ(back.count().evaluate(bindings), (width + 1) / 2);
  }
  for (const Slice& wrong : {Slice{0, 0, 3, 0}, Slice{0, 0, 10, 2}, Slice{0, 9, 1, -1},
                             Slice{0, 3, -2, -1}, Slice{0, 1, 3, -1}, Slice{0, -1, 3, 1}}) {
    EXPECT_THROW(shapes(wrong, {of({9})}), Error) << attributes(wrong);
  }
  EXPECT_EQ(attributes(Slice{0, 0, 3, 2}), "axis=0, begin=0, end=3, step=2");
}

TEST(InferIndices, Gather) {
  EXPECT_EQ(shapes(Gather{}, {of({5, 6, 7}), indices({kBatch, 2})}), "[batch, 2, 6, 7]");
  EXPECT_EQ(shapes(Gather{0, 1, true}, {of({5, 6, 7}), indices({kBatch, 2})}), "[5, batch, 2, 7]");
  EXPECT_EQ(shapes(Gather{0, 2}, {of({5, 6, 7}), indices({})}), "[5, 6]");
  EXPECT_THROW(shapes(Gather{0, 3}, {of({5, 6, 7}), indices({2})}), Error);
  EXPECT_THROW(shapes(Gather{0, -1}, {of({5, 6, 7}), indices({2})}), Error);
  EXPECT_EQ(attributes(Gather{0, 1, true}), "offset=0, axis=1, wrap=true");
}

TEST(InferIndices, ElementsAndTuples) {
  const Value x = of({5, kWidth, 7});
  EXPECT_EQ(shapes(GatherElements{1}, {x, indices({5, 9, 3})}), "[5, 9, 3]");
  EXPECT_THROW(shapes(GatherElements{1}, {x, indices({6, 9, 3})}), Error);
  EXPECT_THROW(shapes(GatherElements{1}, {x, indices({5, 9})}), Error);
  EXPECT_THROW(shapes(GatherElements{3}, {x, indices({5, 9, 3})}), Error);
  EXPECT_THROW(shapes(GatherElements{1}, {x, of({5, 9, 3}, DType::kI64)}), Error);
  EXPECT_EQ(shapes(GatherNd{}, {x, indices({kBatch, 2})}), "[batch, 7]");
  EXPECT_EQ(shapes(GatherNd{}, {x, indices({kBatch, 4, 3})}), "[batch, 4]");
  EXPECT_EQ(shapes(GatherNd{1}, {x, indices({5, kBatch, 1})}), "[5, batch, 7]");
  EXPECT_THROW(shapes(GatherNd{1}, {x, indices({4, kBatch, 1})}), Error);
  EXPECT_THROW(shapes(GatherNd{1}, {x, indices({5, kBatch, 3})}), Error);
  EXPECT_THROW(shapes(GatherNd{}, {x, indices({kBatch})}), Error);
  EXPECT_EQ(shapes(ScatterElements{0}, {x, indices({9, 1, 2}), of({9, 1, 2})}), "[5, width, 7]");
  EXPECT_THROW(shapes(ScatterElements{0}, {x, indices({9, 1, 2}), of({9, 1, 3})}), Error);
  EXPECT_EQ(shapes(ScatterNd{}, {x, indices({3, 2}), of({3, 7})}), "[5, width, 7]");
  EXPECT_THROW(shapes(ScatterNd{}, {x, indices({3, 2}), of({3, 6})}), Error);
  const Value flags = of({5}, DType::kBool);
  EXPECT_NO_THROW(shapes(ScatterNd{}, {flags, indices({3, 1}), of({3}, DType::kBool)}));
  EXPECT_THROW(shapes(ScatterNd{Reduction::kMax}, {flags, indices({3, 1}), of({3}, DType::kBool)}),
               Error);
  EXPECT_THROW(shapes(ScatterNd{}, {x, indices({3, 2}), of({3, 7}, DType::kI32)}), Error);
  EXPECT_EQ(attributes(ScatterElements{2, Reduction::kAdd}), "axis=2, reduction=add");
}

TEST(InferIndices, AlongAnAxis) {
  const Value x = of({5, kWidth, 7});
  EXPECT_EQ(shapes(ArgReduce{ReduceKind::kMin, 1}, {x}), "[5, 1, 7]");
  EXPECT_EQ(shapes(ArgReduce{ReduceKind::kMax, 1, false}, {x}), "[5, 7]");
  EXPECT_THROW(shapes(ArgReduce{ReduceKind::kSum, 1}, {x}), Error);
  EXPECT_THROW(shapes(ArgReduce{ReduceKind::kMax, 3}, {x}), Error);
  EXPECT_EQ(shapes(CumSum{2, true}, {x}), "[5, width, 7]");
  EXPECT_THROW(shapes(CumSum{2}, {of({5, 6, 7}, DType::kU8)}), Error);
  EXPECT_EQ(shapes(TopK{1, 3}, {x}), "[5, 3, 7] [5, 3, 7]");
  EXPECT_EQ(shapes(TopK{2, kBatch}, {x}), "[5, width, batch] [5, width, batch]");
  EXPECT_THROW(shapes(TopK{2, 8}, {x}), Error);
  EXPECT_THROW(shapes(TopK{2, 0}, {x}), Error);
  EXPECT_EQ(attributes(TopK{1, 3, false}), "axis=1, k=3, largest=false");
}

TEST(InferIndices, Boxes) {
  const Value boxes = of({kBatch, 6300, 4});
  const Value scores = of({kBatch, 80, 6300});
  NonMaxSuppression op{.max_per_class = 100, .iou_threshold = 0.5F};
  EXPECT_EQ(shapes(op, {boxes, scores}), "[8000*batch, 3] []");
  op.max_per_class = 1'000'000;
  EXPECT_EQ(shapes(op, {boxes, scores}), "[504000*batch, 3] []");
  EXPECT_EQ(shapes(op, {of({1, kWidth, 4}), of({1, 2, kWidth})}), "[2000000, 3] []");
  EXPECT_THROW(shapes(op, {boxes, of({kBatch, 80, 6301})}), Error);
  op.max_per_class = 0;
  EXPECT_THROW(shapes(op, {boxes, scores}), Error);
  EfficientNms efficient{.max_outputs = 50};
  const Value by_box = of({kBatch, 6300, 80});
  const std::string expected = "[batch] [batch, 50, 4] [batch, 50] [batch, 50]";
  EXPECT_EQ(shapes(efficient, {boxes, by_box}), expected);
  EXPECT_EQ(shapes(efficient, {of({kBatch, 6300, 1, 4}), by_box}), expected);
  EXPECT_EQ(shapes(efficient, {of({kBatch, 6300, 80, 4}), by_box, of({1, 6300, 4})}), expected);
  EXPECT_THROW(shapes(efficient, {of({kBatch, 6300, 2, 4}), by_box}), Error);
  EXPECT_THROW(shapes(efficient, {boxes, scores}), Error);
  EXPECT_THROW(shapes(efficient, {boxes, by_box, of({2, 6300, 4})}), Error);
  efficient.max_outputs = 5000;
  EXPECT_THROW(shapes(efficient, {boxes, by_box}), Error);
  EXPECT_EQ(attributes(EfficientNms{.score_threshold = 0.25F, .box_coding = BoxCoding::kCenter}),
            "score_threshold=0.25, iou_threshold=0.5, max_outputs=100, box_coding=center");
}

TEST(InferIndices, Detections) {
  DetectionNms op{.max_outputs = 50};
  const std::string expected = "[batch] [batch, 50, 4] [batch, 50] [batch, 50] [batch]";
  EXPECT_EQ(shapes(op, {of({kBatch, kWidth, 85})}), expected);
  EXPECT_EQ(shapes(op, {of({kBatch, 6300, 85}), of({80}, DType::kI32)}), expected);
  EXPECT_THROW(shapes(op, {of({kBatch, 6300, 85}), of({79}, DType::kI32)}), Error);
  EXPECT_THROW(shapes(op, {of({kBatch, 6300, 85}), of({80})}), Error);
  EXPECT_THROW(shapes(op, {of({kBatch, 6300, 5})}), Error);
  EXPECT_THROW(shapes(op, {of({kBatch, 6300, kWidth})}), Error);
  op.max_outputs = 30001;
  EXPECT_THROW(shapes(op, {of({kBatch, 6300, 85})}), Error);
  EXPECT_EQ(attributes(DetectionNms{.multi_label = true}),
            "score_threshold=0.25, iou_threshold=0.45, max_outputs=300, multi_label=true");
}

// How much of a capacity counts is said by a result of the same node.
TEST(InferIndices, CountsOfBoxes) {
  Builder b("boxes");
  const ValueId boxes = b.input("boxes", DType::kF32, {kBatch, 60, 4});
  const auto found = b.add_results({"count", "found"}, EfficientNms{},
                                   {boxes, b.input("scores", DType::kF32, {kBatch, 60, 3})});
  for (const std::size_t i : {1, 2, 3}) b.set_count(found[i], found[0]);
  const auto selected = b.add_results({"selected", "selected.count"}, NonMaxSuppression{},
                                      {boxes, b.input("classes", DType::kF32, {kBatch, 3, 60})});
  b.set_count(selected[0], selected[1]);
  b.output(found[1], "found");
  b.output(selected[0], "selected");
  EXPECT_NO_THROW(b.finish());
}

// What is written for an engine file reads back.
void expect_same(const Op& op) {
  const Json json = write_op(op);
  FieldReader reader(json, "op");
  std::string name;
  reader("op", name);
  EXPECT_EQ(read_op(name, reader), op) << json.dump();
}

TEST(InferIndices, WrittenAndRead) {
  expect_same(Slice{1, kWidth - 1, -1, -2});
  expect_same(Gather{0, 1, true});
  expect_same(GatherElements{2});
  expect_same(GatherNd{1});
  expect_same(ScatterElements{1, Reduction::kMul});
  expect_same(ScatterNd{Reduction::kMin});
  expect_same(Reduce{ReduceKind::kProd, {0, 2}, false});
  expect_same(ArgReduce{ReduceKind::kMin, 1, false, true});
  expect_same(CumSum{1, true, true});
  expect_same(TopK{1, kBatch + 2, false});
  expect_same(NonMaxSuppression{20, 0.5F, true, 0.25F, true});
  expect_same(EfficientNms{0.25F, 0.5F, 20, 0, true, true, BoxCoding::kCenter});
  expect_same(DetectionNms{0.5F, 0.25F, 20, true, true});
}

}  // namespace
}  // namespace lasso::graph
