#include "api/index_checks.h"

#include <algorithm>
#include <optional>

#include "core/check.h"

namespace lasso {

using graph::Graph;
using graph::Node;
using graph::ValueId;

namespace {

bool is_integer(DType dtype) {
  return dtype == DType::kI64 || dtype == DType::kI32 || dtype == DType::kI16 ||
         dtype == DType::kI8 || dtype == DType::kU8;
}

// The input of a node whose results' elements are the input's, if it is such a node. With `tuples`,
// the last dimension stays as it is.
std::optional<ValueId> source_of(const Graph& graph, const Node& node, bool tuples) {
  const ValueId from = node.inputs.front();
  if (std::holds_alternative<graph::Cast>(node.op)) {
    const DType to = graph.value(node.outputs.front()).dtype;
    const bool keeps = is_integer(graph.value(from).dtype) && to == DType::kI32;
    return keeps ? std::optional(from) : std::nullopt;
  }
  if (std::holds_alternative<graph::Reshape>(node.op)) {
    const graph::Shape& x = graph.value(from).shape;
    const graph::Shape& y = graph.value(node.outputs.front()).shape;
    const bool keeps = !tuples || (!x.empty() && !y.empty() && x.back() == y.back());
    return keeps ? std::optional(from) : std::nullopt;
  }
  const bool moves = std::holds_alternative<graph::Transpose>(node.op) ||
                     std::holds_alternative<graph::Expand>(node.op);
  return moves && !tuples ? std::optional(from) : std::nullopt;
}

// The input of the program whose elements a value has; none where they are computed.
std::optional<std::size_t> input_of(const Graph& graph, ValueId id, bool tuples) {
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    if (node->outputs.front() != id) continue;
    const auto source = source_of(graph, *node, tuples);
    if (!source) return {};
    id = *source;
  }
  const auto input = std::find(graph.inputs.begin(), graph.inputs.end(), id);
  if (input == graph.inputs.end()) return {};
  return static_cast<std::size_t>(input - graph.inputs.begin());
}

struct Collector {
  const Graph& graph;
  const Node& node;
  std::vector<IndexRange>& ranges;

  const graph::Shape& shape(std::size_t input) const {
    return graph.value(node.inputs.at(input)).shape;
  }
  void add(std::int64_t axis, std::int64_t offset, bool wrap) const {
    const auto input = input_of(graph, node.inputs.at(1), false);
    if (!input) return;
    ranges.push_back({*input, shape(0).at(static_cast<std::size_t>(axis)), offset, wrap});
  }
  void add_tuples(std::int64_t batch_dims) const {
    const auto input = input_of(graph, node.inputs.at(1), true);
    if (!input) return;
    const std::int64_t columns = shape(1).back().constant();
    for (std::int64_t k = 0; k < columns; ++k) {
      ranges.push_back(
          {*input, shape(0).at(static_cast<std::size_t>(batch_dims + k)), 0, true, k, columns});
    }
  }

  void operator()(const graph::Gather& op) const { add(op.axis, op.offset, op.wrap); }
  void operator()(const graph::GatherElements& op) const { add(op.axis, 0, true); }
  void operator()(const graph::ScatterElements& op) const { add(op.axis, 0, true); }
  void operator()(const graph::GatherNd& op) const { add_tuples(op.batch_dims); }
  void operator()(const graph::ScatterNd& /*op*/) const { add_tuples(0); }
  template <typename Other>
  void operator()(const Other& /*op*/) const {}
};

}  // namespace

std::vector<IndexRange> index_ranges(const Graph& program) {
  std::vector<IndexRange> ranges;
  for (const Node& node : program.nodes) std::visit(Collector{program, node, ranges}, node.op);
  return ranges;
}

void check_indices(const std::string& name, const TensorView& input, const IndexRange& range,
                   const graph::Bindings& bindings) {
  const std::int64_t rows = range.rows.evaluate(bindings);
  const std::int64_t least = (range.wrap ? -rows : 0) - range.offset;
  const std::int64_t most = rows - 1 - range.offset;
  const auto check = [&]<typename T>(T /*zero*/) {
    const T* index = input.as<T>();
    const std::int64_t count = element_count(input.dims);
    for (std::int64_t i = range.column; i < count; i += range.columns) {
      LASSO_CHECK(index[i] >= least && index[i] <= most, ErrorCode::kInvalidArgument,
                  "input \"{}\" has the value {}, and {} to {} are expected", name,
                  static_cast<std::int64_t>(index[i]), least, most);
    }
  };
  switch (input.dtype) {
    case DType::kI64:
      return check(std::int64_t{});
    case DType::kI32:
      return check(std::int32_t{});
    case DType::kI16:
      return check(std::int16_t{});
    case DType::kI8:
      return check(std::int8_t{});
    case DType::kU8:
      return check(std::uint8_t{});
    default:
      fail(ErrorCode::kInternal, "indices of {}", to_string(input.dtype));
  }
}

}  // namespace lasso
