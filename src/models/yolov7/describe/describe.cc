#include "models/yolov7/describe/describe.h"

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/check.h"
#include "graph/builder.h"
#include "models/yolov7/describe/decode.h"

namespace lasso::yolov7 {

using graph::Dim;
using graph::Shape;
using graph::ValueId;

namespace {

// What sizes usually are, in cells of the largest stride: 640 pixels, or 1280 with four levels.
constexpr std::int64_t kTypicalCells = 20;

class NetworkDescriber {
 public:
  NetworkDescriber(graph::Builder& builder, const Network& network, ValueId image)
      : builder_(builder), network_(network), image_(image) {}

  // The values of all layers.
  std::vector<ValueId> run() {
    for (const Layer& layer : network_.layers) {
      layer_ = &layer;
      values_.push_back(std::visit([&](const auto& kind) { return add(kind); }, layer.kind));
    }
    return std::move(values_);
  }

 private:
  ValueId input(std::size_t i = 0) const {
    const int from = layer_->inputs[i];
    return from == kImage ? image_ : values_[static_cast<std::size_t>(from)];
  }
  ValueId add(graph::Op op, std::vector<ValueId> inputs) {
    return builder_.add(layer_->name, std::move(op), std::move(inputs));
  }

  ValueId add(const Convolution& layer) {
    graph::Conv2d op;
    op.kernel_h = layer.weights.dims[2];
    op.kernel_w = layer.weights.dims[3];
    op.stride = layer.form.stride;
    op.padding = layer.form.padding;
    op.dilation = layer.form.dilation;
    op.groups = layer.form.groups;
    return add(op, {input(), builder_.constant(layer_->name + ".weight", layer.weights),
                    builder_.constant(layer_->name + ".bias", layer.bias)});
  }
  ValueId add(const graph::Unary& op) { return add(op, {input()}); }
  ValueId add(const graph::LeakyRelu& op) { return add(op, {input()}); }
  ValueId add(const MaxPool& layer) {
    graph::Pool2d op;
    op.kernel_h = layer.kernel.h;
    op.kernel_w = layer.kernel.w;
    op.stride = layer.stride;
    op.padding = layer.padding;
    return add(op, {input()});
  }
  ValueId add(const Upsampling& layer) {
    const Shape& x = builder_.shape(input());
    graph::Resize op;
    op.coordinates = graph::ResizeCoordinates::kAsymmetric;
    op.rounding = graph::NearestRounding::kFloor;
    op.height = x[1] * Dim(layer.factor);
    op.width = x[2] * Dim(layer.factor);
    return add(op, {input()});
  }
  ValueId add(const Concatenation& /*layer*/) {
    std::vector<ValueId> values;
    for (std::size_t i = 0; i < layer_->inputs.size(); ++i) values.push_back(input(i));
    return add(graph::Concat{3}, values);
  }
  ValueId add(const Sum& /*layer*/) {
    return add(graph::Binary{graph::BinaryKind::kAdd}, {input(0), input(1)});
  }
  ValueId add(const ChannelRange& layer) {
    return add(graph::Slice{3, layer.begin, layer.end}, {input()});
  }
  ValueId add(const Reorganisation& /*layer*/) {
    const Shape x = builder_.shape(input());
    const auto every_other = [&](ValueId from, std::int64_t axis, std::int64_t begin,
                                 const std::string& name) {
      graph::Slice op{axis, begin, x[static_cast<std::size_t>(axis)]};
      op.step = 2;
      return builder_.add(layer_->name + name, op, {from});
    };
    std::vector<ValueId> parts;
    for (const std::int64_t dx : {0, 1}) {
      const ValueId columns = every_other(input(), 2, dx, fmt::format(".x{}", dx));
      for (const std::int64_t dy : {0, 1}) {
        parts.push_back(every_other(columns, 1, dy, fmt::format(".x{}y{}", dx, dy)));
      }
    }
    return add(graph::Concat{3}, parts);
  }

  graph::Builder& builder_;
  const Network& network_;
  ValueId image_;
  std::vector<ValueId> values_;
  const Layer* layer_ = nullptr;
};

Dim size_or_symbol(std::int64_t size, const char* symbol) {
  return size > 0 ? Dim(size) : Dim::symbol(symbol);
}

}  // namespace

graph::Graph describe(const Network& network, const FixedImages& fixed, const std::string& source) {
  const int largest = largest_stride(network.levels);
  const Dim batch = size_or_symbol(fixed.batch, "batch");
  const Dim rows = size_or_symbol(fixed.rows, kRows);
  const Dim columns = size_or_symbol(fixed.columns, kColumns);
  graph::Builder builder(kDetector);
  const ValueId images = builder.input(
      kImages, DType::kF32, {batch, network.channels, rows * Dim(largest), columns * Dim(largest)});
  const ValueId image = builder.add("image", graph::Transpose{{0, 2, 3, 1}}, {images});
  try {
    const std::vector<ValueId> values = NetworkDescriber(builder, network, image).run();
    std::vector<ValueId> boxes;
    for (std::size_t i = 0; i < network.levels.size(); ++i) {
      const DetectionLevel& level = network.levels[i];
      const ValueId map = values[static_cast<std::size_t>(network.maps[i])];
      const Shape& shape = builder.shape(map);
      const Dim cells(largest / level.stride);
      LASSO_CHECK(shape[1] == rows * cells && shape[2] == columns * cells, ErrorCode::kCorruptFile,
                  "{}: level {} of the head has stride {}, and a map of {} x {} cells for images "
                  "of {} x {} pixels",
                  source, i, level.stride, to_string(shape[1]), to_string(shape[2]),
                  to_string(rows * Dim(largest)), to_string(columns * Dim(largest)));
      boxes.push_back(decode_level(builder, fmt::format("boxes.{}", i), map, level));
    }
    builder.output(builder.add("boxes", graph::Concat{1}, boxes), kOutput);
    graph::Graph program = builder.finish();
    const std::string empty = graph::empty_dimension(program);
    LASSO_CHECK(empty.empty(), ErrorCode::kCorruptFile, "{}: {}: nothing may be left of an image",
                source, empty);
    if (fixed.rows == 0) program.typical[kRows] = kTypicalCells;
    if (fixed.columns == 0) program.typical[kColumns] = kTypicalCells;
    return program;
  } catch (const Error& error) {
    // Sizes that do not fit: what the caller may say is checked, so that it is the file's.
    if (error.code() != ErrorCode::kInvalidArgument) throw;
    fail(ErrorCode::kCorruptFile, "{}: {}", source, error.what());
  }
}

}  // namespace lasso::yolov7
