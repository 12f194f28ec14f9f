// The rows of operations that read and write at indices, or find them, with the reference's bits.
#include <cstdint>
#include <utility>

#include "gpu/rows.h"

namespace lasso {
namespace {

using test::absent;
using test::In;
using test::RowsTest;

TEST_F(RowsTest, Indices) {
  using graph::Reduction;
  const auto indices = [](Dims dims) {
    In index{std::move(dims), DType::kI32};
    index.special = true;  // far outside, too
    return index;
  };
  for (const DType type : {DType::kF32, DType::kBF16, DType::kU8, DType::kI32}) {
    const auto in = [&](Dims dims) { return In{std::move(dims), type}; };
    check("rows", graph::GatherElements{0}, {in({300, 7}), indices({500, 7})}, true);
    check("columns", graph::GatherElements{2}, {in({5, 9, 300}), indices({4, 9, 33})}, true);
    check("loops", graph::GatherElements{3},
          {in({2, 2, 2, 130, 2, 2, 2, 2, 3}), indices({2, 1, 2, 9, 2, 1, 2, 2, 3})}, true);
    check("slices", graph::GatherNd{}, {in({300, 6, 2}), indices({17, 1})}, true);
    check("elements", graph::GatherNd{1}, {in({5, 300, 140}), indices({5, 33, 2})}, true);
    const graph::ScatterElements scatter{1};
    check("rows", scatter, {in({5, 300, 3}), indices({5, 400, 3}), in({5, 400, 3})}, true);
    check("part", scatter, {in({5, 3, 300}), indices({4, 9, 200}), in({4, 9, 200})}, true);
    check("one", graph::ScatterElements{0}, {in({300}), indices({5000}), in({5000})}, true);
    check("slices", graph::ScatterNd{}, {in({300, 5}), indices({700, 1}), in({700, 5})}, true);
    check("elements", graph::ScatterNd{}, {in({30, 270}), indices({5000, 2}), in({5000})}, true);
  }
  for (const DType type : {DType::kF32, DType::kI32}) {
    In x{{40, 30}, type, false, 0.5F};
    x.below = 1000;
    In elements{{35, 700}, type, false, 0.5F};
    elements.below = 3;
    In rows{{700, 30}, type, false, 0.5F};
    rows.below = 3;
    for (const Reduction reduction :
         {Reduction::kAdd, Reduction::kMul, Reduction::kMax, Reduction::kMin}) {
      check("elements", graph::ScatterElements{1, reduction}, {x, indices({35, 700}), elements},
            true);
      check("rows", graph::ScatterNd{reduction}, {x, indices({700, 1}), rows}, true);
    }
  }
}

TEST_F(RowsTest, AlongAnAxis) {
  for (const DType type : {DType::kF32, DType::kI32}) {
    const auto in = [&](Dims dims, bool special) {
      In x{std::move(dims), type};
      x.below = 20;
      x.special = special;  // NaN, infinities and zeros, over and over
      return x;
    };
    for (const bool special : {false, true}) {
      for (const auto kind : {graph::ReduceKind::kMax, graph::ReduceKind::kMin}) {
        for (const bool last : {false, true}) {
          check("row", graph::ArgReduce{kind, 1, true, last}, {in({300, 80}, special)}, true);
          check("rows", graph::ArgReduce{kind, 1, false, last}, {in({7, 80, 33}, special)}, true);
          check("one", graph::ArgReduce{kind, 0, true, last}, {in({5000}, special)}, true);
        }
      }
      for (const bool largest : {false, true}) {
        check("row", graph::TopK{1, 5, largest}, {in({3, 5}, special)}, true);
        check("row", graph::TopK{1, 300, largest}, {in({2, 8400}, special)}, true);
        check("rows", graph::TopK{1, 33, largest}, {in({7, 80, 33}, special)}, true);
        check("many rows", graph::TopK{1, 1, largest}, {in({3000, 9}, special)}, true);
        check("all", graph::TopK{0, 5000, largest}, {in({5000}, special)}, true);
      }
    }
    for (const bool exclusive : {false, true}) {
      for (const bool reverse : {false, true}) {
        const graph::CumSum op{1, exclusive, reverse};
        check("row", op, {in({300, 80}, type == DType::kI32)}, true);
        check("rows", op, {in({7, 80, 33}, false)}, true);
      }
    }
  }
}

TEST_F(RowsTest, Boxes) {
  const auto special = [](Dims dims) {
    In in{std::move(dims)};
    in.special = true;
    return in;
  };
  for (const bool center : {false, true}) {
    graph::NonMaxSuppression op{.max_per_class = 20, .iou_threshold = 0.3F};
    op.center_point_box = center;
    check("all", op, {{{2, 300, 4}}, {{2, 3, 300}}}, true);
    check("special scores", op, {{{2, 300, 4}}, special({2, 3, 300})}, true);
    check("special boxes", op, {special({2, 300, 4}), {{2, 3, 300}}}, true);
    op.has_score_threshold = true;
    op.score_threshold = 0.5F;
    op.max_per_class = 1000;
    check("above", op, {{{2, 300, 4}}, {{2, 3, 300}}}, true);
    check("detector", op, {{{1, 6300, 4}}, {{1, 80, 6300}}}, true);
    op.score_threshold = 2.0F;
    check("none", op, {{{1, 300, 4}}, {{1, 600, 300}}}, true);
  }
  for (const auto coding : {graph::BoxCoding::kCorners, graph::BoxCoding::kCenter}) {
    for (const bool agnostic : {false, true}) {
      graph::EfficientNms op{.score_threshold = 0.5F, .iou_threshold = 0.3F, .max_outputs = 40};
      op.box_coding = coding;
      op.class_agnostic = agnostic;
      check("above", op, {{{2, 300, 4}}, {{2, 300, 3}}, absent()}, true);
      check("anchors", op, {{{2, 300, 4}}, {{2, 300, 3}}, {{1, 300, 4}}}, true);
      check("boxes of classes", op, {{{2, 300, 3, 4}}, {{2, 300, 3}}, {{2, 300, 4}}}, true);
      check("special scores", op, {{{2, 300, 4}}, special({2, 300, 3}), absent()}, true);
      op.background_class = 0;
      op.score_activation = true;
      op.max_outputs = 300;
      check("detector", op, {{{1, 6300, 1, 4}}, {{1, 6300, 80}}, absent()}, true);
      op.score_threshold = 0.0F;
      check("more than are looked at", op, {{{2, 6300, 4}}, {{2, 6300, 9}}, absent()}, true);
    }
  }
  for (const bool multi_label : {false, true}) {
    for (const bool agnostic : {false, true}) {
      graph::DetectionNms op{.score_threshold = 0.0F, .iou_threshold = 0.3F, .max_outputs = 40};
      op.multi_label = multi_label;
      op.class_agnostic = agnostic;
      check("detections", op, {{{2, 300, 8}}, absent()}, true);
      check("wanted detections", op, {{{2, 300, 8}}, {{3}, DType::kI32, false, 0, 2}}, true);
      check("detections of one class", op, {{{3, 300, 6}}, absent()}, true);
      check("special detections", op, {special({2, 300, 8}), absent()}, true);
      op.max_outputs = 300;
      check("detections of a detector", op, {{{1, 6300, 85}}, absent()}, true);
      // Boxes of small sides cover each other by little: more than a round is looked at.
      op.max_outputs = 6000;
      op.iou_threshold = 1.0F;
      check("many detections", op, {{{2, 40000, 6}}, absent()}, true);
    }
  }
  const graph::EfficientNms corners;
  check("special boxes", corners, {special({2, 300, 4}), {{2, 300, 3}}, absent()}, true);
}

}  // namespace
}  // namespace lasso
