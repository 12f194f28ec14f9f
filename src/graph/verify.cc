#include <algorithm>

#include "core/check.h"
#include "graph/computed_sizes.h"
#include "graph/graph.h"

namespace lasso::graph {

namespace {

class Verifier {
 public:
  explicit Verifier(const Graph& graph) : graph_(graph), defined_(graph.values.size(), false) {}

  void run() {
    for (const ValueId id : graph_.inputs) {
      check(!value(id).constant.has_value(), id, "is an input and a constant");
      define(id);
    }
    for (std::size_t i = 0; i < graph_.values.size(); ++i) {
      if (graph_.values[i].constant) check_constant(static_cast<ValueId>(i));
    }
    for (const ValueId id : graph_.inputs) check_count(id);
    for (const Node& node : graph_.nodes) check_node(node);
    LASSO_CHECK(!graph_.outputs.empty(), ErrorCode::kInternal, "program {} has no output",
                graph_.name);
    for (const ValueId id : graph_.outputs) {
      check(is_defined(id), id, "is an output and is never made");
    }
    check_computed_sizes(graph_);
    check_symbols();
  }

 private:
  const Value& value(ValueId id) const {
    LASSO_CHECK(id >= 0 && static_cast<std::size_t>(id) < graph_.values.size(),
                ErrorCode::kInternal, "program {}: value {} does not exist", graph_.name, id);
    return graph_.value(id);
  }
  void check(bool condition, ValueId id, const std::string& what) const {
    LASSO_CHECK(condition, ErrorCode::kInternal, "program {}: value {} (\"{}\") {}", graph_.name,
                id, value(id).name, what);
  }
  bool is_defined(ValueId id) const {
    value(id);
    return defined_[static_cast<std::size_t>(id)];
  }
  void define(ValueId id) {
    check(!is_defined(id), id, "is made twice");
    defined_[static_cast<std::size_t>(id)] = true;
  }

  void check_constant(ValueId id) {
    const Value& v = value(id);
    Shape shape(v.constant->dims.begin(), v.constant->dims.end());
    check(v.shape == shape, id, "has another shape than its constant");
    check(!v.count, id, "is a constant and has a count");
    define(id);
  }

  void check_node(const Node& node) {
    std::vector<const Value*> inputs;
    for (const ValueId id : node.inputs) {
      inputs.push_back(id == kNoValue ? nullptr : &value(id));
      if (id != kNoValue) {
        check(is_defined(id), id, fmt::format("is used by {} before it is made", op_name(node.op)));
      }
    }
    const Results expected = infer(node.op, inputs);
    LASSO_CHECK(node.outputs.size() == expected.size(), ErrorCode::kInternal,
                "program {}: {} has {} results, and {} are expected", graph_.name, op_name(node.op),
                node.outputs.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const ValueId out = node.outputs[i];
      check(value(out).shape == expected[i].shape && value(out).dtype == expected[i].dtype, out,
            fmt::format("is {} {}, and {} makes {} {}", to_string(value(out).dtype),
                        to_string(value(out).shape), op_name(node.op), to_string(expected[i].dtype),
                        to_string(expected[i].shape)));
      define(out);
    }
    for (const ValueId id : node.outputs) check_count(id);
  }

  // Whoever reads the value may read its count.
  void check_count(ValueId id) const {
    const Value& v = value(id);
    if (!v.count) return;
    check(is_defined(*v.count), id, "has a count that is made later");
    const Value& count = value(*v.count);
    check(count.dtype == DType::kI32 && count.shape.size() < v.shape.size() &&
              std::equal(count.shape.begin(), count.shape.end(), v.shape.begin()),
          id,
          fmt::format(
              "of shape {} is counted by {} {}, and int32 of its first dimensions is expected",
              to_string(v.shape), to_string(count.dtype), to_string(count.shape)));
  }

  // Every symbol must be given by an input's dimension, or a plan could not be bound.
  void check_symbols() const {
    const Bindings bindings = least_sizes(graph_);
    check_profile(graph_.name, graph_.profile);
    check_bindings(graph_.name, graph_.profile, graph_.typical);
    for (const auto& [symbol, range] : graph_.profile) {
      LASSO_CHECK(bindings.count(symbol) == 1, ErrorCode::kInternal,
                  "program {} has a profile of {}, which is no symbol of its inputs", graph_.name,
                  symbol);
    }
    for (const Value& v : graph_.values) evaluate(v.shape, bindings);
    for (const Node& node : graph_.nodes) bound(node.op, bindings);
  }

  const Graph& graph_;
  std::vector<bool> defined_;
};

}  // namespace

void verify(const Graph& graph) { Verifier(graph).run(); }

Bindings least_sizes(const Graph& graph) {
  Bindings sizes;
  for (const std::string& symbol : symbols(graph)) {
    sizes[symbol] = range_of(graph.profile, symbol).min;
  }
  return sizes;
}

Bindings typical_sizes(const Graph& graph) {
  Bindings sizes = graph.typical;
  for (const std::string& symbol : symbols(graph)) {
    sizes.try_emplace(symbol, range_of(graph.profile, symbol).opt);
  }
  return sizes;
}

std::string empty_dimension(const Graph& graph) {
  for (const Value& value : graph.values) {
    for (const Dim& dim : value.shape) {
      if (least_value(dim, graph.profile).value_or(0) < 1) {
        return fmt::format("dimension {} in \"{}\"", to_string(dim), value.name);
      }
    }
  }
  return {};
}

void check_slices(const Graph& graph, const Bindings& bindings) {
  for (const Node& node : graph.nodes) {
    const auto* slice = std::get_if<Slice>(&node.op);
    if (slice == nullptr) continue;
    const Value& x = graph.value(node.inputs.front());
    const Dim& size = x.shape.at(static_cast<std::size_t>(slice->axis));
    const std::int64_t most = size.evaluate(bindings);
    const std::int64_t begin = slice->begin.evaluate(bindings);
    const std::int64_t end = slice->end.evaluate(bindings);
    const bool inside = slice->step > 0 ? begin >= 0 && end <= most && begin < end
                                        : begin < most && end >= -1 && end < begin;
    LASSO_CHECK(inside, ErrorCode::kInvalidArgument,
                "program {}: value \"{}\" is {}:{} of the {} of \"{}\", where {} = {}, {} = {} and "
                "{} = {}",
                graph.name, graph.value(node.outputs.front()).name, begin, end, most, x.name,
                to_string(slice->begin), begin, to_string(slice->end), end, to_string(size), most);
  }
}

}  // namespace lasso::graph
