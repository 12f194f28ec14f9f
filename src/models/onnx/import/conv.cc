// Operators on images: convolution, pooling, resizing. The model has channels before pixels, and
// the graph behind them: each is put between two transpositions, which a pass removes where it can.
// One spatial dimension is an image of one row.
#include <algorithm>
#include <cmath>
#include <tuple>

#include "models/onnx/import/operators.h"
#include "models/onnx/import/products.h"

namespace lasso::onnx {

using graph::Dim;
using graph::Pads2d;
using graph::Shape;
using graph::Size2d;
using graph::ValueId;

namespace {

// [B, C, H, W] or [B, C, W] as [B, H, W, C].
ValueId channels_last(NodeContext& n, ValueId value) {
  const Shape x = n.shape_of(value);
  if (x.size() == 3) return n.reshape(n.transpose(value, {0, 2, 1}), {x[0], 1, x[2], x[1]});
  return n.transpose(value, {0, 2, 3, 1});
}

// The inverse, with as many spatial dimensions as input 0 has.
ValueId channels_first(NodeContext& n, ValueId y) {
  const Shape shape = n.shape_of(y);
  if (n.rank(0) == 3) {
    return n.transpose(n.reshape(y, {shape[0], shape[2], shape[3]}), {0, 2, 1});
  }
  return n.transpose(y, {0, 3, 1, 2});
}

void require_image(const NodeContext& n) {
  n.check(n.rank(0) >= 3, "the input has {} dimensions", n.rank(0));
  if (n.rank(0) > 4) n.unsupported("{} spatial dimensions", n.rank(0) - 2);
}

std::size_t spatial(const NodeContext& n) { return static_cast<std::size_t>(n.rank(0) - 2); }

// Far beyond what an image has, and small enough for products of two.
constexpr std::int64_t kMostPixels = 1 << 24;

void check_sizes(const NodeContext& n, std::string_view name,
                 const std::vector<std::int64_t>& sizes, std::int64_t least) {
  for (const std::int64_t size : sizes) {
    n.check(size >= least && size <= kMostPixels, "attribute {} has {}", name, size);
  }
}

// An attribute with a number for each spatial dimension.
Size2d size_attribute(const NodeContext& n, std::string_view name, std::int64_t absent) {
  const auto list = n.integer_list(name);
  if (!list) return absent;
  n.check(list->size() == spatial(n), "attribute {} has {} elements", name, list->size());
  check_sizes(n, name, *list, 1);
  if (list->size() == 1) return {1, list->front()};
  return {list->at(0), list->at(1)};
}

struct Window {
  Size2d kernel = 1;
  Size2d stride = 1;
  Size2d dilation = 1;
  Pads2d padding = 0;
};

// SAME: as many results as positions over the stride; the odd row is the upper or the lower one's.
void pad_to_same(const NodeContext& n, Window& window, bool lower) {
  const auto around = [&](const Dim& size, std::int64_t kernel, std::int64_t stride,
                          std::int64_t dilation) {
    std::int64_t total = dilation * (kernel - 1) + 1 - stride;
    if (size.is_constant()) {
      const std::int64_t results = (size.constant() + stride - 1) / stride;
      total = (results - 1) * stride + dilation * (kernel - 1) + 1 - size.constant();
    } else if (stride != 1) {
      n.unsupported("auto_pad with a stride and an open size");
    }
    total = std::max<std::int64_t>(total, 0);
    const std::int64_t less = total / 2;
    return lower ? std::pair(total - less, less) : std::pair(less, total - less);
  };
  const Shape& x = n.shape(0);
  std::tie(window.padding.left, window.padding.right) =
      around(x.back(), window.kernel.w, window.stride.w, window.dilation.w);
  if (spatial(n) == 1) return;
  std::tie(window.padding.top, window.padding.bottom) =
      around(x[2], window.kernel.h, window.stride.h, window.dilation.h);
}

Pads2d padding(const NodeContext& n) {
  const auto list = n.integer_list("pads");
  if (!list) return 0;
  n.check(list->size() == 2 * spatial(n), "attribute pads has {} elements", list->size());
  check_sizes(n, "pads", *list, 0);
  if (list->size() == 2) return {0, list->at(0), 0, list->at(1)};
  return {list->at(0), list->at(1), list->at(2), list->at(3)};
}

Window window_of(const NodeContext& n, Size2d kernel) {
  Window window{kernel, size_attribute(n, "strides", 1), size_attribute(n, "dilations", 1), 0};
  const std::string mode = n.text("auto_pad", "NOTSET");
  if (mode == "NOTSET") {
    window.padding = padding(n);
  } else if (mode != "VALID") {
    n.check(mode == "SAME_UPPER" || mode == "SAME_LOWER", "attribute auto_pad is \"{}\"", mode);
    pad_to_same(n, window, mode == "SAME_LOWER");
  }
  return window;
}

// Weights [N, C, kh, kw] of images, [N, C, 1, kw] of rows; of a size that is known.
ValueId filters(NodeContext& n, ValueId weights) {
  Shape shape = n.shape_of(weights);
  n.check(static_cast<std::int64_t>(shape.size()) == n.rank(0), "weights of {} dimensions for {}",
          shape.size(), n.rank(0));
  for (const Dim& size : shape) {
    if (!size.is_constant()) n.unsupported("weights of an open size");
  }
  if (shape.size() == 3) shape.insert(shape.begin() + 2, Dim(1));
  return n.reshape(weights, shape);
}

bool is_constant(NodeContext& n, ValueId value) {
  return n.importer().builder().value(value).constant.has_value();
}

Size2d kernel_of(const NodeContext& n, ValueId weights) {
  const Shape& shape = n.shape_of(weights);
  const Size2d kernel{shape[2].constant(), shape[3].constant()};
  if (n.has_attribute("kernel_shape")) {
    n.check(size_attribute(n, "kernel_shape", 1) == kernel,
            "attribute kernel_shape, and weights {}", to_string(shape));
  }
  return kernel;
}

std::int64_t groups_of(const NodeContext& n) {
  const std::int64_t groups = n.integer("group", 1);
  n.check(groups > 0 && groups <= kMostPixels, "attribute group is {}", groups);
  return groups;
}

// How many windows there are along an axis.
Dim window_count(const Dim& size, std::int64_t padding, std::int64_t kernel, std::int64_t stride,
                 std::int64_t dilation) {
  return (size + Dim(padding - dilation * (kernel - 1) - 1)).floor_divided_by(stride) + 1;
}

// With weights [N, C/groups, kh, kw] that are computed: a product with the pixels under each
// window, of x [B, H, W, C].
ValueId windows_product(NodeContext& n, ValueId x, ValueId weights, const Window& window,
                        std::int64_t groups) {
  const Shape w = n.shape_of(weights);
  const Pads2d& pads = window.padding;
  const std::int64_t taps = window.kernel.h * window.kernel.w;
  n.charge_nodes(3 * taps);
  n.check(w[0].constant() % groups == 0, "{} filters in {} groups", w[0].constant(), groups);
  const Shape image = n.shape_of(x);
  const Dim rows = window_count(image[1], pads.top + pads.bottom, window.kernel.h, window.stride.h,
                                window.dilation.h);
  const Dim columns = window_count(image[2], pads.left + pads.right, window.kernel.w,
                                   window.stride.w, window.dilation.w);
  if (pads != Pads2d(0)) {
    x = n.add(graph::Pad{{0, pads.top, pads.left, 0}, {0, pads.bottom, pads.right, 0}}, {x});
  }
  const auto pixels = [&](ValueId from, std::int64_t axis, std::int64_t begin, const Dim& count,
                          std::int64_t stride) {
    graph::Slice slice{axis, begin, Dim(begin + 1) + (count - 1) * Dim(stride)};
    slice.step = stride;
    return n.add(slice, {from});
  };
  std::vector<ValueId> parts;
  for (std::int64_t i = 0; i < window.kernel.h; ++i) {
    const ValueId row = pixels(x, 1, i * window.dilation.h, rows, window.stride.h);
    for (std::int64_t k = 0; k < window.kernel.w; ++k) {
      const ValueId part = pixels(row, 2, k * window.dilation.w, columns, window.stride.w);
      parts.push_back(n.reshape(part, {image[0], rows, columns, 1, image[3]}));
    }
  }
  ValueId a = taps == 1 ? parts.front() : n.add(graph::Concat{3}, parts);
  const Dim& depth = w[1];
  const std::int64_t filters = w[0].constant() / groups;
  a = n.transpose(n.reshape(a, {image[0], rows * columns, taps, groups, depth}), {0, 3, 1, 2, 4});
  a = n.reshape(a, {image[0], groups, rows * columns, Dim(taps) * depth});
  ValueId b = n.transpose(n.reshape(weights, {groups, filters, depth, taps}), {0, 1, 3, 2});
  b = n.reshape(b, {groups, filters, Dim(taps) * depth});
  const ValueId y = n.transpose(n.add(graph::MatMul{}, {a, b}), {0, 2, 1, 3});
  return n.reshape(y, {image[0], rows, columns, w[0]});
}

void import_conv(NodeContext& n) {
  n.require_float();
  n.result(0, convolved(n, n.value(0), n.value(1), n.has(2) ? n.value(2) : graph::kNoValue));
}

// What the attributes output_shape and auto_pad make of padding: the total is
// stride (size - 1) + output_padding + dilation (kernel - 1) + 1 - result.
void pad_for_results(const NodeContext& n, Window& window, Size2d& more) {
  const std::string mode = n.text("auto_pad", "NOTSET");
  const auto wanted = n.integer_list("output_shape");
  const bool same = mode == "SAME_UPPER" || mode == "SAME_LOWER";
  if (!wanted && !same) return;
  const std::size_t count = spatial(n);
  std::vector<std::int64_t> results;
  for (std::size_t i = 0; i < count; ++i) {
    const Dim& size = n.shape(0)[2 + i];
    if (!size.is_constant()) n.unsupported("auto_pad or output_shape with an open size");
    const std::int64_t stride = count == 1 || i == 1 ? window.stride.w : window.stride.h;
    results.push_back(size.constant() * stride);
  }
  if (wanted) {
    n.check(wanted->size() >= count, "attribute output_shape has {} elements", wanted->size());
    check_sizes(n, "output_shape", *wanted, 0);
    results.assign(wanted->end() - static_cast<std::ptrdiff_t>(count), wanted->end());
  }
  const auto around = [&](std::int64_t size, std::int64_t kernel, std::int64_t stride,
                          std::int64_t dilation, std::int64_t& extra, std::int64_t result) {
    std::int64_t total = stride * (size - 1) + extra + dilation * (kernel - 1) + 1 - result;
    if (total < 0) {
      extra -= total;
      total = 0;
    }
    const std::int64_t less = total / 2;
    return mode == "SAME_UPPER" ? std::pair(less, total - less) : std::pair(total - less, less);
  };
  std::tie(window.padding.left, window.padding.right) =
      around(n.shape(0).back().constant(), window.kernel.w, window.stride.w, window.dilation.w,
             more.w, results.back());
  if (count == 1) return;
  std::tie(window.padding.top, window.padding.bottom) =
      around(n.shape(0)[2].constant(), window.kernel.h, window.stride.h, window.dilation.h, more.h,
             results.front());
}

void import_conv_transpose(NodeContext& n) {
  n.require_float();
  require_image(n);
  const ValueId weights = filters(n, n.value(1));
  if (!is_constant(n, weights)) n.unsupported("weights that are computed");
  if (n.has(2) && n.constant(2) == nullptr) n.unsupported("a bias that is computed");
  const Size2d kernel = kernel_of(n, weights);
  Window window{kernel, size_attribute(n, "strides", 1), size_attribute(n, "dilations", 1),
                padding(n)};
  Size2d more = 0;
  if (const auto list = n.integer_list("output_padding")) {
    n.check(list->size() == spatial(n), "attribute output_padding has {} elements", list->size());
    check_sizes(n, "output_padding", *list, 0);
    more = list->size() == 1 ? Size2d(0, list->front()) : Size2d(list->at(0), list->at(1));
  }
  pad_for_results(n, window, more);
  const std::int64_t groups = groups_of(n);
  std::vector<ValueId> inputs{channels_last(n, n.value(0)), weights};
  if (n.has(2)) inputs.push_back(n.value(2));
  ValueId y = 0;
  if (groups == 1 && kernel == window.stride && kernel.h == kernel.w && window.dilation == 1 &&
      window.padding == 0 && more == 0) {
    graph::ConvTranspose2d conv;
    conv.stride = kernel.h;
    y = n.add(conv, inputs);
  } else {
    graph::Deconv2d conv;
    conv.kernel_h = kernel.h;
    conv.kernel_w = kernel.w;
    conv.stride = window.stride;
    conv.padding = window.padding;
    conv.dilation = window.dilation;
    conv.output_padding = more;
    conv.groups = groups;
    y = n.add(conv, inputs);
  }
  n.result(0, channels_first(n, y));
}

void import_pool(NodeContext& n) {
  n.require_float();
  require_image(n);
  if (n.wants(1)) n.unsupported("the indices of the largest numbers");
  n.check(n.has_attribute("kernel_shape"), "attribute kernel_shape is missing");
  const Window window = window_of(n, size_attribute(n, "kernel_shape", 1));
  graph::Pool2d pool;
  const bool average = n.op_type() == "AveragePool";
  pool.kind = average ? graph::PoolKind::kAverage : graph::PoolKind::kMax;
  pool.kernel_h = window.kernel.h;
  pool.kernel_w = window.kernel.w;
  pool.stride = window.stride;
  pool.padding = window.padding;
  pool.dilation = window.dilation;
  pool.ceil = n.integer("ceil_mode", 0) != 0;
  pool.count_padding = average && n.integer("count_include_pad", 0) != 0;
  n.result(0, channels_first(n, n.add(pool, {channels_last(n, n.value(0))})));
}

void import_global_pool(NodeContext& n) {
  n.check(n.rank(0) >= 2, "the input has {} dimensions", n.rank(0));
  graph::Reduce reduce;
  reduce.kind = n.op_type() == "GlobalMaxPool" ? graph::ReduceKind::kMax : graph::ReduceKind::kMean;
  for (std::int64_t axis = 2; axis < n.rank(0); ++axis) reduce.axes.push_back(axis);
  n.result(0, reduce.axes.empty() ? n.value(0) : n.add(reduce, {n.value(0)}));
}

}  // namespace

ValueId convolved(NodeContext& n, ValueId x, ValueId weights, ValueId bias) {
  require_image(n);
  weights = filters(n, weights);
  const Window window = window_of(n, kernel_of(n, weights));
  const std::int64_t groups = groups_of(n);
  n.check(bias == graph::kNoValue || n.shape_of(bias) == Shape{n.shape_of(weights)[0]},
          "a bias {} of weights {}", bias == graph::kNoValue ? "" : to_string(n.shape_of(bias)),
          to_string(n.shape_of(weights)));
  x = channels_last(n, x);
  if (!is_constant(n, weights)) {
    ValueId y = windows_product(n, x, weights, window, groups);
    if (bias != graph::kNoValue) y = n.binary(graph::BinaryKind::kAdd, y, bias);
    return channels_first(n, y);
  }
  graph::Conv2d conv;
  conv.kernel_h = window.kernel.h;
  conv.kernel_w = window.kernel.w;
  conv.stride = window.stride;
  conv.padding = window.padding;
  conv.dilation = window.dilation;
  conv.groups = groups;
  const bool after = bias != graph::kNoValue && !is_constant(n, bias);
  std::vector<ValueId> inputs{x, weights};
  if (bias != graph::kNoValue && !after) inputs.push_back(bias);
  ValueId y = n.add(conv, inputs);
  if (after) y = n.binary(graph::BinaryKind::kAdd, y, bias);
  return channels_first(n, y);
}

const std::vector<Operator>& conv_operators() {
  static const std::vector<Operator> list{
      {"AveragePool", import_pool},
      {"Conv", import_conv},
      {"ConvTranspose", import_conv_transpose},
      {"GlobalAveragePool", import_global_pool},
      {"GlobalMaxPool", import_global_pool},
      {"MaxPool", import_pool},
  };
  return list;
}

}  // namespace lasso::onnx
