// What is constant becomes initialisers.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "core/checksum.h"
#include "models/onnx/clean/clean_graph.h"

namespace lasso::onnx {

namespace {

// A result that is larger, and has more than twice the bytes of what it is computed from, stays
// with its node.
constexpr std::size_t kLargeBytes = std::size_t{16} << 20;

const OnnxTensor* constant_value(const OnnxNode& node) {
  if (!is(node, "Constant")) return nullptr;
  const OnnxAttribute* value = node.find_attribute("value");
  return value == nullptr ? nullptr : std::get_if<OnnxTensor>(&value->value);
}

// What quantisation is made of. Constants behind it stay as nodes, too: folded, weights of 8 bits
// would have 32.
bool is_quantisation(const OnnxNode& node) {
  return node.op_type == "QuantizeLinear" || node.op_type == "DequantizeLinear" ||
         node.op_type == "DynamicQuantizeLinear";
}

class Folding {
 public:
  explicit Folding(CleanGraph& graph) : graph_(graph) {
    for (const OnnxTensor& tensor : graph.graph().initializers) bytes_[tensor.name] = tensor.bytes;
  }

  void run() {
    std::vector<OnnxNode> kept;
    for (OnnxNode& node : graph_.nodes()) {
      if (!fold(node)) kept.push_back(std::move(node));
    }
    graph_.nodes() = std::move(kept);
    graph_.count();
    std::vector<OnnxNode> identities;
    for (auto& [name, tensor] : folded_) {
      if (graph_.uses(name) == 0) continue;
      if (graph_.is_output(name)) {  // which a node makes
        tensor.name = graph_.unused(name + "_value");
        OnnxNode node;
        node.name = tensor.name;
        node.op_type = "Identity";
        node.inputs = {tensor.name};
        node.outputs = {name};
        identities.push_back(std::move(node));
      }
      graph_.add_initializer(std::move(tensor));
    }
    auto& nodes = graph_.nodes();
    nodes.insert(nodes.begin(), std::make_move_iterator(identities.begin()),
                 std::make_move_iterator(identities.end()));
  }

 private:
  bool fold(const OnnxNode& node) {
    if (const OnnxTensor* value = constant_value(node)) {
      OnnxTensor tensor = *value;
      tensor.name = node.outputs.front();
      add(std::move(tensor));
      return true;
    }
    const bool reads_shape = is(node, "Shape") || is(node, "Size");
    const bool is_behind = !reads_shape && std::any_of(node.inputs.begin(), node.inputs.end(),
                                                       [&](const std::string& name) {
                                                         return quantised_.count(name) > 0;
                                                       });
    if (is_behind || is_quantisation(node)) {
      quantised_.insert(node.outputs.begin(), node.outputs.end());
      quantised_.erase("");  // what is left out
      return false;
    }
    std::size_t known = 0;
    for (const std::string& name : node.inputs) {
      const auto it = bytes_.find(name);
      if (it != bytes_.end()) known += it->second;
    }
    std::vector<OnnxTensor> tensors;
    for (const std::string& name : node.outputs) {
      if (name.empty()) continue;
      auto tensor = graph_.constant(name);
      if (!tensor || (tensor->bytes > kLargeBytes && tensor->bytes > 2 * known)) return false;
      tensors.push_back(std::move(*tensor));
    }
    for (OnnxTensor& tensor : tensors) add(std::move(tensor));
    return true;
  }

  void add(OnnxTensor tensor) {
    bytes_[tensor.name] = tensor.bytes;
    std::string name = tensor.name;
    folded_.emplace_back(std::move(name), std::move(tensor));
  }

  CleanGraph& graph_;
  std::map<std::string, std::size_t> bytes_;
  std::set<std::string> quantised_;  // and what is computed from it
  std::vector<std::pair<std::string, OnnxTensor>> folded_;
};

// The same for equal tensors; empty for strings. The file's pages are given back.
std::string key_of(const OnnxTensor& tensor) {
  if (tensor.data_type == OnnxDataType::kString) return {};
  const std::string key = fmt::format("{}{}", to_string(tensor.data_type), to_string(tensor.dims));
  Checksum sum;
  sum.update(tensor.data, tensor.bytes);
  if (tensor.file != nullptr) tensor.file->release(tensor.data, tensor.bytes);
  return key + to_hex(sum.digest());
}

// A shape that broadcasts x to the sizes `to`: 1 stands for a size that is there.
std::optional<std::vector<std::int64_t>> expansion_of(const graph::Shape& from,
                                                      const graph::Shape& to) {
  std::vector<std::int64_t> target;
  for (std::size_t i = 0; i < to.size(); ++i) {
    const std::size_t missing = to.size() - std::min(to.size(), from.size());
    if (to[i].is_constant()) {
      target.push_back(to[i].constant());
    } else if (i >= missing && from[i - missing] == to[i]) {
      target.push_back(1);
    } else {
      return {};
    }
  }
  return target;
}

}  // namespace

void fold_constants(CleanGraph& graph) { Folding(graph).run(); }

void share_initializers(CleanGraph& graph, std::size_t most_bytes) {
  std::map<std::string, std::string> names;
  std::map<std::string, std::string> first;
  for (const OnnxTensor& tensor : graph.graph().initializers) {
    if (tensor.bytes > most_bytes) continue;
    const std::string key = key_of(tensor);
    if (key.empty() || !graph.is_initializer(tensor.name)) continue;
    const auto [it, is_new] = first.emplace(key, tensor.name);
    if (!is_new) names[tensor.name] = it->second;
  }
  graph.rename(names);
}

void fold_shapes(CleanGraph& graph) {
  for (OnnxNode& node : graph.nodes()) {
    const bool reshape = is(node, "Reshape") && integer_attribute(node, "allowzero", 0) == 0;
    if ((!reshape && !is(node, "Expand")) || node.inputs.size() != 2) continue;
    if (graph.is_initializer(node.inputs[1])) continue;
    const graph::Shape* from = graph.shape(node.inputs[0]);
    const graph::Shape* to = graph.shape(node.outputs[0]);
    if (from == nullptr || to == nullptr) continue;
    const auto target = reshape ? target_shape(*from, *to) : expansion_of(*from, *to);
    if (target) node.inputs[1] = graph.add_integers(*target);
  }
}

}  // namespace lasso::onnx
