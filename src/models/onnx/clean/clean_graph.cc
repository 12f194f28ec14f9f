#include "models/onnx/clean/clean_graph.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/check.h"

namespace lasso::onnx {

namespace {

// What names a node takes, those of graphs in its attributes included.
template <typename Node, typename Take>
void take_names(Node& node, const Take& take) {
  for (auto& name : node.inputs) take(name);
  for (auto& attribute : node.attributes) {
    auto* graphs = std::get_if<std::vector<OnnxGraph>>(&attribute.value);
    if (graphs == nullptr) continue;
    for (auto& graph : *graphs) {
      for (auto& inner : graph.nodes) take_names(inner, take);
      for (auto& output : graph.outputs) take(output.name);
    }
  }
}

void collect_names(const OnnxGraph& graph, std::set<std::string>* names) {
  for (const OnnxValueInfo& input : graph.inputs) names->insert(input.name);
  for (const OnnxTensor& tensor : graph.initializers) names->insert(tensor.name);
  for (const OnnxNode& node : graph.nodes) {
    names->insert(node.outputs.begin(), node.outputs.end());
    for (const OnnxAttribute& attribute : node.attributes) {
      if (const auto* graphs = std::get_if<std::vector<OnnxGraph>>(&attribute.value)) {
        for (const OnnxGraph& inner : *graphs) collect_names(inner, names);
      }
    }
  }
}

OnnxTensor tensor_of(const std::string& name, OnnxDataType type, const Dims& dims,
                     std::shared_ptr<const void> data, std::size_t bytes) {
  OnnxTensor tensor;
  tensor.name = name;
  tensor.data_type = type;
  tensor.dims = dims;
  tensor.data = static_cast<const std::byte*>(data.get());
  tensor.bytes = bytes;
  tensor.owner = std::move(data);
  return tensor;
}

template <typename T>
OnnxTensor integers_as(const std::string& name, OnnxDataType type, const Dims& dims,
                       const std::vector<std::int64_t>& numbers) {
  auto values = std::make_shared<std::vector<T>>();
  values->reserve(numbers.size());
  for (const std::int64_t number : numbers) values->push_back(static_cast<T>(number));
  const T* data = values->data();
  return tensor_of(name, type, dims, {values, data}, values->size() * sizeof(T));
}

std::optional<OnnxTensor> integer_tensor(const std::string& name, OnnxDataType type,
                                         const Dims& dims,
                                         const std::vector<std::int64_t>& numbers) {
  switch (type) {
    case OnnxDataType::kInt64:
      return integers_as<std::int64_t>(name, type, dims, numbers);
    case OnnxDataType::kInt32:
      return integers_as<std::int32_t>(name, type, dims, numbers);
    case OnnxDataType::kBool:
    case OnnxDataType::kUint8:
      return integers_as<std::uint8_t>(name, type, dims, numbers);
    default:
      return {};
  }
}

// Float32, bool and int32 are computed as they are, and int64 in 32 bits, where what does not
// compute but moves elements is exact.
std::optional<OnnxTensor> as_initializer(const std::string& name, OnnxDataType type,
                                         const Tensor& tensor) {
  if (type == OnnxDataType::kInt64 && tensor.dtype == DType::kI32) {
    const Tensor dense = tensor.dense();
    const auto* values = dense.view().as<std::int32_t>();
    return integers_as<std::int64_t>(
        name, type, tensor.dims,
        {values, values + static_cast<std::size_t>(element_count(tensor.dims))});
  }
  if (lasso::dtype_of(type) != tensor.dtype) return {};
  if (type != OnnxDataType::kFloat32 && type != OnnxDataType::kBool &&
      type != OnnxDataType::kInt32) {
    return {};
  }
  // An initialiser's elements may lie anywhere, but stand in order.
  const Tensor ordered = tensor.transposed ? tensor.dense() : tensor;
  OnnxTensor made = tensor_of(name, type, ordered.dims, ordered.data, ordered.bytes());
  made.file = ordered.file;
  return made;
}

}  // namespace

CleanGraph::CleanGraph(OnnxModel& model) : model_(model) {
  OnnxGraph& graph = model.graph;
  graph.nodes.erase(std::remove_if(graph.nodes.begin(), graph.nodes.end(),
                                   [](const OnnxNode& node) { return node.outputs.empty(); }),
                    graph.nodes.end());
  std::set<std::string> initializers;
  for (const OnnxTensor& tensor : graph.initializers) initializers.insert(tensor.name);
  constexpr std::int64_t kOptionalInputs = 4;  // the version that lists inputs alone
  if (model.ir_version < kOptionalInputs) {
    model.ir_version = kOptionalInputs;
    graph.inputs.erase(std::remove_if(graph.inputs.begin(), graph.inputs.end(),
                                      [&](const OnnxValueInfo& input) {
                                        return initializers.count(input.name) != 0;
                                      }),
                       graph.inputs.end());
  }
  for (const OnnxValueInfo& input : graph.inputs) initializers.erase(input.name);
  fixed_ = std::move(initializers);
  learnt_ = model;
  auto& learnt = learnt_.graph.initializers;
  learnt.erase(
      std::remove_if(learnt.begin(), learnt.end(),
                     [&](const OnnxTensor& tensor) { return fixed_.count(tensor.name) == 0; }),
      learnt.end());
  for (const OnnxValueInfo& output : graph.outputs) outputs_.insert(output.name);
  collect_names(graph, &names_);
  static const FixedInputs no_inputs;
  static const FixedSizes no_sizes;
  importer_ = std::make_unique<Importer>(learnt_, no_inputs, no_sizes);
  importer_->learn();
}

std::int64_t CleanGraph::opset() const {
  for (const OnnxOpset& opset : model_.opset_imports) {
    if (opset.domain.empty()) return opset.version;
  }
  return 1;
}

const Operand* CleanGraph::find(const std::string& name) const {
  const Operand* operand = importer_->find(name);
  return operand == nullptr || operand->is_missing ? nullptr : operand;
}

const graph::Shape* CleanGraph::shape(const std::string& name) const {
  const Operand* operand = find(name);
  return operand == nullptr ? nullptr : &operand->shape;
}

std::optional<OnnxTensor> CleanGraph::constant(const std::string& name) const {
  const Operand* operand = find(name);
  if (operand == nullptr) return {};
  if (operand->integers != nullptr && operand->integers->are_numbers()) {
    return integer_tensor(name, operand->type, operand->integers->dims,
                          operand->integers->numbers());
  }
  if (operand->value == graph::kNoValue) return {};
  const auto& tensor = importer_->builder().value(operand->value).constant;
  if (!tensor) return {};
  return as_initializer(name, operand->type, *tensor);
}

std::optional<std::vector<std::int64_t>> CleanGraph::integers(const std::string& name) const {
  const Operand* operand = find(name);
  if (operand == nullptr || operand->integers == nullptr || !operand->integers->are_numbers()) {
    return {};
  }
  return operand->integers->numbers();
}

void CleanGraph::add_initializer(OnnxTensor tensor) {
  names_.insert(tensor.name);
  fixed_.insert(tensor.name);
  model_.graph.initializers.push_back(std::move(tensor));
}

std::string CleanGraph::add_integers(const std::vector<std::int64_t>& values) {
  std::string name = unused("integers");
  const Dims dims{static_cast<std::int64_t>(values.size())};
  add_initializer(integers_as<std::int64_t>(name, OnnxDataType::kInt64, dims, values));
  Operand operand;
  operand.type = OnnxDataType::kInt64;
  operand.shape = {dims.front()};
  operand.integers = std::make_shared<const Integers>(
      Integers{dims, std::vector<graph::Dim>(values.begin(), values.end())});
  importer_->define(name, std::move(operand));
  return name;
}

std::string CleanGraph::unused(const std::string& like) {
  std::string name = like;
  for (int i = 1; names_.count(name) != 0; ++i) name = fmt::format("{}_{}", like, i);
  names_.insert(name);
  return name;
}

void CleanGraph::define(const std::string& name, const std::string& like, graph::Shape shape) {
  Operand operand;
  operand.type = importer_->operand(like).type;
  operand.shape = std::move(shape);
  importer_->define(name, std::move(operand));
}

bool CleanGraph::set_reshape(OnnxNode& node, const std::string& x) {
  const graph::Shape* from = shape(x);
  const graph::Shape* to = shape(node.outputs[0]);
  if (from == nullptr || to == nullptr) return false;
  const auto target = target_shape(*from, *to);
  if (!target) return false;
  node.op_type = "Reshape";
  node.attributes.clear();
  node.inputs = {x, add_integers(*target)};
  return true;
}

void CleanGraph::count() {
  uses_.clear();
  producers_.clear();
  for (const std::string& name : outputs_) ++uses_[name];
  for (std::size_t i = 0; i < nodes().size(); ++i) {
    take_names(nodes()[i], [&](const std::string& name) { ++uses_[name]; });
    for (const std::string& name : nodes()[i].outputs) producers_[name] = i;
  }
  uses_.erase("");  // what is left out
}

int CleanGraph::uses(const std::string& name) const {
  const auto it = uses_.find(name);
  return it == uses_.end() ? 0 : it->second;
}

OnnxNode* CleanGraph::producer(const std::string& name) {
  const auto it = producers_.find(name);
  return name.empty() || it == producers_.end() ? nullptr : &nodes()[it->second];
}

void CleanGraph::remove_dead() {
  count();
  std::vector<OnnxNode> kept;
  // Nodes come after those whose results they take.
  for (auto node = nodes().rbegin(); node != nodes().rend(); ++node) {
    const bool used = std::any_of(node->outputs.begin(), node->outputs.end(),
                                  [&](const std::string& name) { return uses(name) > 0; });
    if (used) {
      kept.push_back(std::move(*node));
    } else {
      take_names(*node, [&](const std::string& name) { --uses_[name]; });
    }
  }
  std::reverse(kept.begin(), kept.end());
  nodes() = std::move(kept);
  count();
  auto& initializers = graph().initializers;
  initializers.erase(std::remove_if(initializers.begin(), initializers.end(),
                                    [&](const OnnxTensor& tensor) {
                                      return is_initializer(tensor.name) && uses(tensor.name) == 0;
                                    }),
                     initializers.end());
}

void CleanGraph::rename(const std::map<std::string, std::string>& names) {
  if (names.empty()) return;
  for (OnnxNode& node : nodes()) {
    take_names(node, [&](std::string& name) {
      for (auto it = names.find(name); it != names.end(); it = names.find(name)) name = it->second;
    });
  }
}

bool same_attributes(const OnnxNode& a, const OnnxNode& b) {
  if (a.attributes.size() != b.attributes.size()) return false;
  return std::all_of(a.attributes.begin(), a.attributes.end(), [&](const OnnxAttribute& one) {
    const OnnxAttribute* other = b.find_attribute(one.name);
    if (other == nullptr || other->type != one.type || other->value.index() != one.value.index()) {
      return false;
    }
    return std::visit(
        [&](const auto& value) {
          using T = std::decay_t<decltype(value)>;
          if constexpr (std::is_same_v<T, OnnxTensor>) {
            const auto& second = std::get<T>(other->value);
            return value.data_type == second.data_type && value.dims == second.dims &&
                   value.strings == second.strings && value.bytes == second.bytes &&
                   (value.bytes == 0 || std::memcmp(value.data, second.data, value.bytes) == 0);
          } else if constexpr (std::is_same_v<T, std::vector<OnnxTensor>> ||
                               std::is_same_v<T, std::vector<OnnxGraph>> ||
                               std::is_same_v<T, std::monostate>) {
            return false;
          } else {
            return value == std::get<T>(other->value);
          }
        },
        one.value);
  });
}

std::int64_t integer_attribute(const OnnxNode& node, const char* name, std::int64_t absent) {
  const OnnxAttribute* found = node.find_attribute(name);
  if (found == nullptr) return absent;
  const auto* value = std::get_if<std::int64_t>(&found->value);
  return value == nullptr ? absent : *value;
}

bool is(const OnnxNode& node, const char* op_type) {
  return node.domain.empty() && node.op_type == op_type;
}

bool is_reshape(const OnnxNode& node) {
  return is(node, "Reshape") || is(node, "Flatten") || is(node, "Squeeze") || is(node, "Unsqueeze");
}

std::optional<std::vector<std::int64_t>> target_shape(const graph::Shape& from,
                                                      const graph::Shape& to) {
  std::vector<std::int64_t> target;
  bool open = false;
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (to[i].is_constant()) {
      if (to[i].constant() <= 0) return {};
      target.push_back(to[i].constant());
    } else if (i < from.size() && from[i] == to[i]) {
      target.push_back(0);
    } else if (!open) {
      open = true;
      target.push_back(-1);
    } else {
      return {};
    }
  }
  return target;
}

}  // namespace lasso::onnx
