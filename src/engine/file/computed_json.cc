#include "engine/file/computed_json.h"

#include <bit>
#include <cstring>
#include <utility>

#include "core/check.h"
#include "core/dtype.h"
#include "graph/computed_sizes.h"
#include "graph/dim_json.h"
#include "graph/op_json.h"

namespace lasso::engine {

using graph::Graph;
using graph::kNoValue;
using graph::Node;
using graph::Value;
using graph::ValueId;

namespace {

constexpr std::size_t kMaxValues = 4 * graph::kMostSizeNodes;
constexpr std::size_t kMaxElements = graph::kMostSizeElements;
constexpr std::size_t kMaxOperands = 64;

// The bits of 32-bit elements as an integer, truths as 0 and 1.
Json write_data(const Tensor& tensor) {
  Json json = Json::array();
  const std::int64_t count = element_count(tensor.dims);
  for (std::int64_t i = 0; i < count; ++i) {
    if (tensor.dtype == DType::kF32) {
      json.push_back(std::bit_cast<std::int32_t>(tensor.view().as<float>()[i]));
    } else if (tensor.dtype == DType::kI32) {
      json.push_back(tensor.view().as<std::int32_t>()[i]);
    } else {
      LASSO_CHECK(tensor.dtype == DType::kBool, ErrorCode::kInternal, "a constant of {}",
                  to_string(tensor.dtype));
      json.push_back(tensor.view().as<std::uint8_t>()[i] != 0 ? 1 : 0);
    }
  }
  return json;
}

Tensor read_data(const Json& json, DType dtype, Dims dims, const std::string& where) {
  std::vector<std::int32_t> numbers;
  for (const Json& element : read_array(json, kMaxElements, where)) {
    numbers.push_back(
        static_cast<std::int32_t>(read_integer(element, INT32_MIN, INT32_MAX, where)));
  }
  if (static_cast<std::int64_t>(numbers.size()) != element_count(dims)) {
    refuse(where, fmt::format("{} elements", element_count(dims)));
  }
  if (dtype == DType::kI32) return make_tensor(std::move(dims), numbers);
  if (dtype == DType::kF32) {
    std::vector<float> floats;
    for (const std::int32_t bits : numbers) floats.push_back(std::bit_cast<float>(bits));
    return make_tensor(std::move(dims), floats);
  }
  if (dtype != DType::kBool) refuse(where, "no data of this type");
  auto truths = std::make_shared<std::vector<std::uint8_t>>();
  for (const std::int32_t number : numbers) truths->push_back(number != 0 ? 1 : 0);
  const std::uint8_t* data = truths->data();
  return {dtype, std::move(dims), std::shared_ptr<const void>(std::move(truths), data), nullptr};
}

Json write_ids(const std::vector<ValueId>& ids) {
  Json json = Json::array();
  for (const ValueId id : ids) json.push_back(id);
  return json;
}

std::vector<ValueId> read_ids(FieldReader& reader, const char* name, std::size_t count,
                              ValueId least) {
  std::vector<ValueId> ids;
  for (const Json& element : read_array(reader.at(name), kMaxOperands, reader.where(name))) {
    ids.push_back(static_cast<ValueId>(
        read_integer(element, least, static_cast<std::int64_t>(count) - 1, reader.where(name))));
  }
  return ids;
}

void read_one_value(FieldReader& reader, Graph& graph) {
  Value& value = graph.values.emplace_back();
  reader("name", value.name);
  reader("dtype", value.dtype);
  reader("shape", value.shape);
  if (!reader.has("data")) return;
  if (!graph::is_small(value)) refuse(reader.where("shape"), "numbers: this is a small constant");
  value.constant = read_data(reader.at("data"), value.dtype, graph::evaluate(value.shape, {}),
                             reader.where("data"));
}

void read_one_node(FieldReader& reader, Graph& graph) {
  Node node;
  std::string name;
  reader("op", name);
  node.op = graph::read_op(name, reader);
  node.inputs = read_ids(reader, "inputs", graph.values.size(), kNoValue);
  node.outputs = read_ids(reader, "outputs", graph.values.size(), 0);
  if (node.outputs.empty()) refuse(reader.where("outputs"), "at least one");
  graph.nodes.push_back(std::move(node));
}

// Calls read(reader of the element, graph) for each element of an array.
template <typename F>
void read_each(FieldReader& reader, const char* name, std::size_t limit, Graph& graph,
               const F& read) {
  const Json& array = read_array(reader.at(name), limit, reader.where(name));
  for (std::size_t i = 0; i < array.size(); ++i) {
    FieldReader element(array[i], fmt::format("{}[{}]", reader.where(name), i));
    read(element, graph);
    element.finish();
  }
}

}  // namespace

Json write_computed(const graph::ComputedSizes& computed) {
  const Graph& graph = *computed.graph;
  Json json = {{"symbols", computed.symbols},       {"name", graph.name},
               {"values", Json::array()},           {"nodes", Json::array()},
               {"inputs", write_ids(graph.inputs)}, {"outputs", write_ids(graph.outputs)}};
  for (const Value& value : graph.values) {
    Json entry = {{"name", value.name},
                  {"dtype", write_value(value.dtype)},
                  {"shape", write_value(value.shape)}};
    if (value.constant) entry["data"] = write_data(*value.constant);
    json["values"].push_back(std::move(entry));
  }
  for (const Node& node : graph.nodes) {
    Json entry = graph::write_op(node.op);
    entry["inputs"] = write_ids(node.inputs);
    entry["outputs"] = write_ids(node.outputs);
    json["nodes"].push_back(std::move(entry));
  }
  return json;
}

graph::ComputedSizes read_computed(FieldReader& reader) {
  graph::ComputedSizes computed;
  Graph graph;
  reader("symbols", computed.symbols);
  reader("name", graph.name);
  read_each(reader, "values", kMaxValues, graph, read_one_value);
  read_each(reader, "nodes", graph::kMostSizeNodes, graph, read_one_node);
  graph.inputs = read_ids(reader, "inputs", graph.values.size(), 0);
  graph.outputs = read_ids(reader, "outputs", graph.values.size(), 0);
  reader.finish();
  computed.graph = std::make_shared<const Graph>(std::move(graph));
  return computed;
}

}  // namespace lasso::engine
