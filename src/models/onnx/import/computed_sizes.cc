#include "models/onnx/import/computed_sizes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/check.h"
#include "core/convert.h"
#include "formats/text.h"
#include "graph/builder.h"
#include "graph/computed_sizes.h"

namespace lasso::onnx {

using graph::Dim;
using graph::Graph;
using graph::kNoValue;
using graph::Node;
using graph::Shape;
using graph::Value;
using graph::ValueId;

namespace {

std::int64_t count_of(const Value& value) {
  return element_count(graph::evaluate(value.shape, {}));
}

std::optional<Dim> number_at(const Tensor& constant, std::int64_t index) {
  if (constant.dtype == DType::kI32) return Dim(constant.view().as<std::int32_t>()[index]);
  if (constant.dtype != DType::kF32) return {};
  const float number = constant.view().as<float>()[index];
  constexpr float kMost = 1 << 30;
  if (!(std::fabs(number) <= kMost)) return {};
  return Dim(static_cast<std::int64_t>(number));
}

// Where the element of a slice's result stands in its input.
std::optional<std::int64_t> place_in_input(const graph::Slice& slice, const Value& input,
                                           const Value& result, std::int64_t index) {
  if (!slice.begin.is_constant() || !graph::is_small(input) || !graph::is_small(result)) return {};
  std::int64_t place = 0;
  std::int64_t stride = 1;
  for (std::size_t back = 1; back <= input.shape.size(); ++back) {
    const std::size_t axis = input.shape.size() - back;
    const std::int64_t size = result.shape[axis].constant();
    std::int64_t at = index % size;
    index /= size;
    if (static_cast<std::int64_t>(axis) == slice.axis) {
      at = slice.begin.constant() + at * slice.step;
    }
    place += at * stride;
    stride *= input.shape[axis].constant();
  }
  return place;
}

// Casts that keep integers, or lead to the integer that another cast would.
bool keeps_integers(DType from, DType to) {
  const bool wide = from == DType::kI32 || from == DType::kF32 || from == DType::kI64;
  return wide && (to == DType::kI32 || to == DType::kF32);
}

bool has_symbol(const Shape& sizes, const std::string& symbol) {
  return std::any_of(sizes.begin(), sizes.end(),
                     [&](const Dim& size) { return size.has_symbol(symbol); });
}

// A constant that needs no file.
Tensor copied(const Tensor& tensor) {
  if (is_real(tensor.dtype)) return make_tensor(tensor.dims, read_f32(tensor.view()));
  const auto* bytes = static_cast<const std::byte*>(tensor.data.get());
  auto copy = std::make_shared<std::vector<std::byte>>(bytes, bytes + tensor.bytes());
  const std::byte* data = copy->data();
  return {tensor.dtype, tensor.dims, std::shared_ptr<const void>(std::move(copy), data), {}};
}

}  // namespace

const Node* SizeSymbols::producer(const Graph& graph, ValueId value) {
  for (; nodes_ < graph.nodes.size(); ++nodes_) {
    for (const ValueId id : graph.nodes[nodes_].outputs) made_[id] = nodes_;
  }
  const auto it = made_.find(value);
  return it == made_.end() ? nullptr : &graph.nodes[it->second];
}

// Whether few small tensors lead from inputs and constants to the value.
bool SizeSymbols::is_computable(const Graph& graph, ValueId value) {
  // What takes out the elements comes on top: up to five nodes for each.
  constexpr std::size_t kMostNodes = graph::kMostSizeNodes - 5 * graph::kMostComputedSymbols - 1;
  constexpr double kMostWork = graph::kMostSizeFlops / 2;
  const auto known = computable_.find(value);
  if (known != computable_.end()) return known->second;
  bool& result = computable_[value];
  result = false;
  std::set<ValueId> seen{value};
  std::vector<ValueId> open{value};
  double work = 0;
  std::size_t nodes = 0;
  while (!open.empty()) {
    const ValueId id = open.back();
    open.pop_back();
    if (!graph::is_small(graph.value(id))) return false;
    const Node* node = producer(graph, id);
    if (node == nullptr) continue;
    if (++nodes > kMostNodes - computed_nodes_) return false;
    if (const auto* sizes = std::get_if<graph::Sizes>(&node->op)) {
      // Those of inputs' shapes are known before others are computed.
      for (const Symbol& symbol : symbols_) {
        if (has_symbol(sizes->sizes, symbol.name)) return false;
      }
      continue;
    }
    if (graph::has_symbols(node->op)) return false;
    for (const ValueId input : node->inputs) {
      if (input == kNoValue) continue;
      if (!graph::is_small(graph.value(input))) return false;
      if (seen.insert(input).second) open.push_back(input);
    }
    for (const ValueId output : node->outputs) {
      if (!graph::is_small(graph.value(output))) return false;
    }
    work += graph::work_of(graph, *node);
    if (computed_work_ + work > kMostWork) return false;
  }
  computed_nodes_ += nodes;
  computed_work_ += work;
  result = true;
  return true;
}

std::optional<Dim> SizeSymbols::symbol_of(const Graph& graph, Element at, std::int64_t least) {
  const auto known = places_.find(at);
  if (known != places_.end()) return symbols_[known->second].value();
  if (symbols_.size() == graph::kMostComputedSymbols || !is_computable(graph, at.first)) return {};
  const Value& value = graph.value(at.first);
  const bool is_input =
      std::find(graph.inputs.begin(), graph.inputs.end(), at.first) != graph.inputs.end();
  std::string name = fmt::format("size_{}", symbols_.size());
  if (is_input) {
    constexpr std::size_t kMostBytes = 60;
    name = printable(value.name, kMostBytes);
    if (!value.shape.empty()) name += fmt::format("_{}", at.second);
  }
  const std::int64_t more = 1 - least;
  if (more > 0) name += "_plus_1";
  while (!names_.insert(name).second) name += "_";
  places_[at] = symbols_.size();
  symbols_.push_back({name, at, more});
  return symbols_.back().value();
}

// Back along nodes that move elements, to a number or to where the element is computed.
std::optional<Dim> SizeSymbols::element(const Graph& graph, Element at, std::int64_t least) {
  while (true) {
    const Value& value = graph.value(at.first);
    if (value.constant) return number_at(*value.constant, at.second);
    const Node* node = producer(graph, at.first);
    if (node == nullptr) return symbol_of(graph, at, least);
    if (const auto* sizes = std::get_if<graph::Sizes>(&node->op)) {
      return sizes->sizes[static_cast<std::size_t>(at.second)];
    }
    const ValueId from = node->inputs.front();
    if (from == kNoValue || !graph::is_small(graph.value(from))) return symbol_of(graph, at, least);
    if (std::holds_alternative<graph::Reshape>(node->op) ||
        (std::holds_alternative<graph::Cast>(node->op) &&
         keeps_integers(graph.value(from).dtype, value.dtype))) {
      at.first = from;
    } else if (const auto* slice = std::get_if<graph::Slice>(&node->op)) {
      const auto place = place_in_input(*slice, graph.value(from), value, at.second);
      if (!place) return symbol_of(graph, at, least);
      at = {from, *place};
    } else if (std::holds_alternative<graph::Concat>(node->op) && value.shape.size() == 1) {
      const auto is_small = [&](ValueId id) { return graph::is_small(graph.value(id)); };
      if (!std::all_of(node->inputs.begin(), node->inputs.end(), is_small)) return {};
      auto part = node->inputs.begin();
      while (at.second >= count_of(graph.value(*part))) {
        at.second -= count_of(graph.value(*part++));
      }
      at.first = *part;
    } else {
      return symbol_of(graph, at, least);
    }
  }
}

std::shared_ptr<const Integers> SizeSymbols::elements(const Graph& graph, ValueId id,
                                                      std::int64_t least) {
  constexpr std::int64_t kMost = 64;
  const Value& value = graph.value(id);
  if (value.dtype != DType::kI32 || !graph::is_small(value) || count_of(value) > kMost) return {};
  Integers integers{graph::evaluate(value.shape, {}), {}};
  for (std::int64_t i = 0; i < count_of(value); ++i) {
    const auto size = element(graph, {id, i}, least);
    if (!size) return {};
    integers.values.push_back(*size);
  }
  return std::make_shared<const Integers>(std::move(integers));
}

void SizeSymbols::limit(const std::string& name, std::int64_t most) {
  for (Symbol& symbol : symbols_) {
    if (symbol.name == name) symbol.most = std::clamp<std::int64_t>(most, 1, symbol.most);
  }
}

void SizeSymbols::finish(Graph& graph) const {
  if (symbols_.empty()) return;
  std::vector<bool> needed(graph.values.size(), false);
  for (const Symbol& symbol : symbols_) {
    needed[static_cast<std::size_t>(symbol.element.first)] = true;
  }
  const auto is_needed = [&](ValueId id) { return needed[static_cast<std::size_t>(id)]; };
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    if (std::none_of(node->outputs.begin(), node->outputs.end(), is_needed)) continue;
    for (const ValueId id : node->inputs) {
      if (id != kNoValue) needed[static_cast<std::size_t>(id)] = true;
    }
  }

  graph::Builder builder(graph.name + ".sizes");
  std::vector<ValueId> renumbered(graph.values.size(), kNoValue);
  for (const ValueId id : graph.inputs) {
    const Value& input = graph.value(id);
    renumbered[static_cast<std::size_t>(id)] = builder.input(input.name, input.dtype, input.shape);
  }
  const auto place_of = [&](ValueId id) {
    if (id == kNoValue) return kNoValue;
    ValueId& place = renumbered[static_cast<std::size_t>(id)];
    const Value& value = graph.value(id);
    if (place == kNoValue && value.constant) {
      place = builder.constant(value.name, copied(*value.constant));
    }
    return place;
  };
  for (const Node& node : graph.nodes) {
    if (std::none_of(node.outputs.begin(), node.outputs.end(), is_needed)) continue;
    std::vector<ValueId> inputs;
    std::vector<std::string> names;
    for (const ValueId id : node.inputs) inputs.push_back(place_of(id));
    for (const ValueId id : node.outputs) names.push_back(graph.value(id).name);
    const std::vector<ValueId> results = builder.add_results(names, node.op, inputs);
    for (std::size_t i = 0; i < results.size(); ++i) {
      renumbered[static_cast<std::size_t>(node.outputs[i])] = results[i];
    }
  }

  std::vector<ValueId> parts;
  for (const Symbol& symbol : symbols_) {
    const auto& [value, element] = symbol.element;
    const Shape flat{Dim(count_of(graph.value(value)))};
    ValueId part = place_of(value);
    if (builder.shape(part) != flat) part = builder.add(symbol.name, graph::Reshape{flat}, {part});
    if (flat.front() != Dim(1)) {
      part = builder.add(symbol.name, graph::Slice{0, element, element + 1}, {part});
    }
    if (builder.value(part).dtype != DType::kI32) {
      part = builder.add(symbol.name, graph::Cast{DType::kI32}, {part});
    }
    if (symbol.more > 0) {
      const std::vector<std::int32_t> more{static_cast<std::int32_t>(symbol.more)};
      const ValueId one = builder.constant("one", make_tensor({1}, more));
      part = builder.add(symbol.name, graph::Binary{graph::BinaryKind::kAdd}, {part, one});
    }
    parts.push_back(part);
    graph.computed.symbols.push_back(symbol.name);
    // What may be 0 is in most runs.
    if (symbol.most < graph::kMaxSymbol) {
      graph.profile[symbol.name] = {1, symbol.more > 0 ? 1 : symbol.most, symbol.most};
    }
  }
  builder.output(builder.add("sizes", graph::Concat{0}, parts), "sizes");
  graph.computed.graph = std::make_shared<const Graph>(builder.take());
}

}  // namespace lasso::onnx
