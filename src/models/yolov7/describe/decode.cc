#include "models/yolov7/describe/decode.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lasso::yolov7 {

using graph::Dim;
using graph::Shape;
using graph::ValueId;

namespace {

// Cells along a side of a map whose size is open: of 32768 pixels with a stride of 8.
constexpr std::int64_t kMostCells = 4096;
// Of a map whose places are written down.
constexpr std::int64_t kMostWritten = std::int64_t{1} << 20U;

// Of a box without its shape.
constexpr std::int64_t kPoint = 2;
constexpr std::int64_t kBox = 4;

// stride (i - 1/2) for i = 0, 1, ...
std::vector<float> places(int stride, std::int64_t count) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = (static_cast<float>(i) - 0.5F) * static_cast<float>(stride);
  }
  return values;
}

// stride (j - 1/2) and stride (i - 1/2) of each cell (i, j), as [H, W, 1, 2].
ValueId cell_places(graph::Builder& builder, const std::string& name, int stride, const Dim& height,
                    const Dim& width) {
  const bool is_known = height.is_constant() && width.is_constant();
  if (is_known && height.constant() * width.constant() <= kMostWritten) {
    const std::vector<float> y = places(stride, height.constant());
    const std::vector<float> x = places(stride, width.constant());
    std::vector<float> both;
    both.reserve(2 * x.size() * y.size());
    for (const float row : y) {
      for (const float column : x) both.insert(both.end(), {column, row});
    }
    return builder.constant(name, make_tensor({height.constant(), width.constant(), 1, 2}, both));
  }
  // A table of more than there are, cut off where the run's size is known.
  const auto spread = [&](const std::string& side, const Dim& cells, const Shape& aligned) {
    const std::int64_t count = cells.is_constant() ? cells.constant() : kMostCells;
    const ValueId table =
        builder.constant(side + ".table", make_tensor({count}, places(stride, count)));
    const ValueId there = builder.add(side + ".places", graph::Slice{0, 0, cells}, {table});
    const ValueId line = builder.add(side + ".line", graph::Reshape{aligned}, {there});
    return builder.add(side, graph::Expand{{height, width, 1, 1}}, {line});
  };
  const ValueId x = spread(name + ".x", width, {1, width, 1, 1});
  const ValueId y = spread(name + ".y", height, {height, 1, 1, 1});
  return builder.add(name, graph::Concat{3}, {x, y});
}

}  // namespace

ValueId decode_level(graph::Builder& builder, const std::string& name, ValueId map,
                     const DetectionLevel& level) {
  const Shape shape = builder.shape(map);
  const auto anchors = static_cast<std::int64_t>(level.anchors.size());
  const std::int64_t fields = shape[3].constant() / anchors;
  const auto add = [&](const char* part, graph::Op op, std::vector<ValueId> inputs) {
    return builder.add(name + part, std::move(op), std::move(inputs));
  };
  const auto times = [&](const char* part, ValueId a, ValueId b) {
    return add(part, graph::Binary{graph::BinaryKind::kMul}, {a, b});
  };
  const ValueId scores = add(".sigmoid", graph::Unary{graph::Activation::kSigmoid}, {map});
  const ValueId each =
      add(".each", graph::Reshape{{shape[0], shape[1], shape[2], anchors, fields}}, {scores});
  const auto fields_of = [&](const char* part, std::int64_t begin, std::int64_t end) {
    return add(part, graph::Slice{4, begin, end}, {each});
  };

  const ValueId cells = cell_places(builder, name + ".cells", level.stride, shape[1], shape[2]);
  const auto twice = 2.0F * static_cast<float>(level.stride);
  const ValueId offsets =
      times(".offsets", fields_of(".centre.scores", 0, kPoint),
            builder.constant(name + ".stride", make_tensor({1}, std::vector<float>{twice})));
  const ValueId centre = add(".centre", graph::Binary{graph::BinaryKind::kAdd}, {offsets, cells});

  std::vector<float> sides;
  for (const Anchor& anchor : level.anchors) {
    sides.push_back(4 * anchor.width);
    sides.push_back(4 * anchor.height);
  }
  const ValueId half = fields_of(".size.scores", kPoint, kBox);
  const ValueId size =
      times(".size", times(".size.squares", half, half),
            builder.constant(name + ".anchors", make_tensor({anchors, kPoint}, sides)));

  const ValueId boxes =
      add(".by_cell", graph::Concat{4}, {centre, size, fields_of(".scores", kBox, fields)});
  const ValueId by_anchor = add(".by_anchor", graph::Transpose{{0, 3, 1, 2, 4}}, {boxes});
  return add("", graph::Reshape{{shape[0], Dim(anchors) * shape[1] * shape[2], fields}},
             {by_anchor});
}

}  // namespace lasso::yolov7
