#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "formats/onnx/message.h"
#include "formats/onnx/parse.h"
#include "formats/text.h"

namespace lasso {

namespace {

// ONNX's own operators have either name of their domain.
std::string plain_domain(std::string domain) { return domain == "ai.onnx" ? "" : domain; }

void append_name(const Message& message, const char* field, const Place& place,
                 std::vector<std::string>* names) {
  place.charge(element_bytes<std::string>());
  names->push_back(message.text(field));
}

void check_attributes(const OnnxNode& node, const Place& place) {
  std::vector<std::string_view> names;
  for (const OnnxAttribute& attribute : node.attributes) names.push_back(attribute.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice == names.end()) return;
  place.part("attribute", *twice).refuse(ErrorCode::kCorruptFile, "is given twice");
}

OnnxNode parse_node(std::string_view bytes, const Place& place, int depth) {
  OnnxNode node;
  Message message(bytes, place);
  while (message.next()) {
    switch (message.number()) {
      case 1:
        append_name(message, "input", place, &node.inputs);
        break;
      case 2:
        append_name(message, "output", place, &node.outputs);
        break;
      case 3:
        node.name = message.text("name");
        break;
      case 4:
        node.op_type = message.text("op_type");
        break;
      case 5: {
        const std::string_view attribute = message.bytes("attribute");
        const std::string_view name = find_text(attribute, 1);
        const Place part = name.empty() ? place.part("attribute", {}, node.attributes.size())
                                        : place.part("attribute", name);
        part.check(!name.empty(), "name: is missing");
        place.charge(element_bytes<OnnxAttribute>());
        node.attributes.push_back(parse_attribute(attribute, part, depth));
        break;
      }
      case 7:
        node.domain = plain_domain(message.text("domain"));
        break;
      case 8:
        node.overload = message.text("overload");
        break;
      default:
        break;
    }
  }
  place.check(!node.op_type.empty(), "op_type: is missing");
  check_attributes(node, place);
  return node;
}

OnnxOpset parse_opset(std::string_view bytes, const Place& place) {
  OnnxOpset opset;
  Message message(bytes, place);
  while (message.next()) {
    if (message.number() == 1) opset.domain = plain_domain(message.text("domain"));
    if (message.number() == 2) opset.version = message.integer("version");
  }
  place.check(opset.version >= 0, "version: {} is negative", opset.version);
  return opset;
}

OnnxFunction parse_function(std::string_view bytes, const Place& place) {
  OnnxFunction function;
  Message message(bytes, place);
  while (message.next()) {
    if (message.number() == 1) function.name = message.text("name");
    if (message.number() == 10) function.domain = plain_domain(message.text("domain"));
    if (message.number() == 13) function.overload = message.text("overload");
  }
  return function;
}

void check_opsets(const std::vector<OnnxOpset>& opsets, const Place& place) {
  std::map<std::string_view, std::int64_t> versions;
  for (std::size_t i = 0; i < opsets.size(); ++i) {
    const auto [entry, is_new] = versions.emplace(opsets[i].domain, opsets[i].version);
    place.part("opset_import", opsets[i].domain, i)
        .check(is_new || entry->second == opsets[i].version,
               "version: is {}, and was {} for the same domain before", opsets[i].version,
               entry->second);
  }
}

// SparseTensorProto: the name is that of its values, a tensor.
std::string parse_sparse_name(std::string_view bytes, const Place& place) {
  std::string_view values;
  Message message(bytes, place);
  while (message.next()) {
    if (message.number() == 1) values = message.bytes("values");
  }
  std::string name;
  Message tensor(values, place);
  while (tensor.next()) {
    if (tensor.number() == 8) name = tensor.text("name");
  }
  return name;
}

// Adds what a repeated field holds to the list.
template <typename T, typename Parse>
void append(std::string_view bytes, const Place& place, Parse parse, std::vector<T>* list) {
  place.charge(element_bytes<T>());
  list->push_back(parse(bytes, place));
}

// A node is shown by its name, or else by what it computes.
std::string_view node_name(std::string_view bytes) {
  const std::string_view name = find_text(bytes, 3);
  return name.empty() ? find_text(bytes, 4) : name;
}

void check_initializers(const OnnxGraph& graph, const Place& place) {
  std::unordered_set<std::string_view> names;
  const auto check = [&](const std::string& name, const char* kind, std::size_t i) {
    constexpr std::size_t kBytes = 64;  // of an entry of the set
    place.charge(kBytes);
    const Place part = place.part(kind, name, i);
    part.check(!name.empty(), "name: is missing");
    part.check(names.insert(name).second, "name: is another initialiser's, too");
  };
  for (std::size_t i = 0; i < graph.initializers.size(); ++i) {
    check(graph.initializers[i].name, "initialiser", i);
  }
  for (std::size_t i = 0; i < graph.sparse_initializers.size(); ++i) {
    check(graph.sparse_initializers[i], "sparse initialiser", i);
  }
}

void check_names(const char* kind, const std::vector<OnnxValueInfo>& values, const Place& place) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    place.part(kind, {}, i).check(!values[i].name.empty(), "name: is missing");
  }
}

}  // namespace

OnnxGraph parse_graph(std::string_view bytes, const Place& place, int depth) {
  OnnxGraph graph;
  Message message(bytes, place);
  const auto value_info = [&](const char* kind, const char* field,
                              std::vector<OnnxValueInfo>* list) {
    const std::string_view info = message.bytes(field);
    append(info, place.part(kind, find_text(info, 1), list->size()), parse_value_info, list);
  };
  while (message.next()) {
    switch (message.number()) {
      case 1: {
        const std::string_view node = message.bytes("node");
        const auto parse = [&](std::string_view b, const Place& p) {
          return parse_node(b, p, depth);
        };
        append(node, place.part("node", node_name(node), graph.nodes.size()), parse, &graph.nodes);
        break;
      }
      case 2:
        graph.name = message.text("name");
        break;
      case 5: {
        const std::string_view tensor = message.bytes("initializer");
        append(tensor, place.part("initialiser", find_text(tensor, 8), graph.initializers.size()),
               parse_tensor, &graph.initializers);
        break;
      }
      case 11:
        value_info("input", "input", &graph.inputs);
        break;
      case 12:
        value_info("output", "output", &graph.outputs);
        break;
      case 13:
        value_info("value info", "value_info", &graph.value_infos);
        break;
      case 15:
        append(message.bytes("sparse_initializer"),
               place.part("sparse initialiser", {}, graph.sparse_initializers.size()),
               parse_sparse_name, &graph.sparse_initializers);
        break;
      default:
        break;
    }
  }
  check_initializers(graph, place);
  check_names("input", graph.inputs, place);
  check_names("output", graph.outputs, place);
  return graph;
}

std::pair<std::string, std::string> parse_entry(std::string_view bytes, const Place& place) {
  std::pair<std::string, std::string> entry;
  Message message(bytes, place);
  while (message.next()) {
    if (message.number() == 1) entry.first = message.text("key");
    if (message.number() == 2) entry.second = message.text("value");
  }
  return entry;
}

OnnxModel parse_model(std::string_view bytes, const Place& place) {
  OnnxModel model;
  bool has_graph = false;
  Message message(bytes, place);
  while (message.next()) {
    switch (message.number()) {
      case 1:
        model.ir_version = message.integer("ir_version");
        break;
      case 2:
        model.producer_name = message.text("producer_name");
        break;
      case 3:
        model.producer_version = message.text("producer_version");
        break;
      case 4:
        model.domain = message.text("domain");
        break;
      case 5:
        model.model_version = message.integer("model_version");
        break;
      case 7:
        place.check(!has_graph, "graph: is given twice");
        has_graph = true;
        model.graph = parse_graph(message.bytes("graph"), place.part("graph"), 0);
        break;
      case 8:
        append(message.bytes("opset_import"),
               place.part("opset_import", {}, model.opset_imports.size()), parse_opset,
               &model.opset_imports);
        break;
      case 14:
        append(message.bytes("metadata_props"),
               place.part("metadata_props", {}, model.metadata_props.size()), parse_entry,
               &model.metadata_props);
        break;
      case 20:
        model.has_training_info = true;
        break;
      case 25:
        append(message.bytes("functions"), place.part("function", {}, model.functions.size()),
               parse_function, &model.functions);
        break;
      default:
        break;
    }
  }
  place.check(has_graph, "graph: is missing");
  check_opsets(model.opset_imports, place);
  return model;
}

}  // namespace lasso
