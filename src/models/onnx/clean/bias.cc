// A product with a matrix and the bias behind it are one Gemm, which takes matrices: where x has
// more dimensions, shapes are changed before and behind it, and that pays where nodes that change
// shapes are there already, or where several products take the same x.
#include <algorithm>
#include <map>
#include <utility>

#include "models/onnx/clean/clean_graph.h"

namespace lasso::onnx {

namespace {

// x W + b, by places of nodes; nodes[add] is to be the Gemm.
struct Layer {
  std::size_t product = 0;
  std::size_t add = 0;
  std::string bias;
};

class Biases {
 public:
  explicit Biases(CleanGraph& graph) : graph_(graph) { graph.count(); }

  bool run() {
    std::map<std::string, std::size_t> places;
    for (std::size_t i = 0; i < nodes().size(); ++i) {
      for (const std::string& name : nodes()[i].outputs) places[name] = i;
      for (const std::string& name : nodes()[i].inputs) takers_[name].push_back(i);
    }
    std::map<std::string, std::vector<Layer>> groups;  // by x
    for (std::size_t i = 0; i < nodes().size(); ++i) {
      const auto layer = layer_at(i, places);
      if (!layer) continue;
      const std::string& x = nodes()[layer->product].inputs[0];
      if (graph_.shape(x)->size() == 2) {
        make_gemm(*layer, x);
      } else if (changes_shape_behind(nodes()[i].outputs[0])) {
        groups[x].push_back(*layer);
      }
    }
    for (const auto& [x, layers] : groups) join(x, layers);
    std::sort(added_.begin(), added_.end(),
              [](const auto& a, const auto& b) { return a.first > b.first; });
    for (auto& [place, node] : added_) {
      nodes().insert(nodes().begin() + static_cast<std::ptrdiff_t>(place), std::move(node));
    }
    return changed_;
  }

 private:
  std::vector<OnnxNode>& nodes() { return graph_.nodes(); }

  std::optional<Layer> layer_at(std::size_t add, const std::map<std::string, std::size_t>& places) {
    const OnnxNode& node = nodes()[add];
    if (!is(node, "Add") || !graph_.is_known(node)) return {};
    for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
      const auto place = places.find(node.inputs[side]);
      if (place == places.end() || graph_.uses(node.inputs[side]) != 1) continue;
      const std::string& bias = node.inputs[1 - side];
      if (is_layer(nodes()[place->second], bias)) return Layer{place->second, add, bias};
    }
    return {};
  }

  bool is_layer(const OnnxNode& product, const std::string& bias) {
    if (!is(product, "MatMul") || !graph_.is_known(product)) return false;
    const std::string& weights = product.inputs[1];
    const graph::Shape* matrix = graph_.shape(weights);
    const graph::Shape* vector = graph_.shape(bias);
    const Operand* x = graph_.find(product.inputs[0]);
    return matrix != nullptr && vector != nullptr && x != nullptr &&
           x->type == OnnxDataType::kFloat32 && x->shape.size() >= 2 &&
           graph_.is_initializer(weights) && graph_.is_initializer(bias) && matrix->size() == 2 &&
           *vector == graph::Shape{matrix->back()};
  }

  void make_gemm(const Layer& layer, const std::string& x) {
    OnnxNode& node = nodes()[layer.add];
    node.op_type = "Gemm";
    node.attributes.clear();
    node.inputs = {x, nodes()[layer.product].inputs[1], layer.bias};
    changed_ = true;
  }

  // Of x [..., k], all but the last dimension as one.
  static graph::Shape rows_of(const graph::Shape& x, const graph::Dim& width) {
    return {graph::product({x.begin(), x.end() - 1}), width};
  }

  bool changes_shape_behind(const std::string& name) {
    const graph::Shape* shape = graph_.shape(name);
    const auto takers = takers_.find(name);
    if (shape == nullptr || takers == takers_.end() ||
        graph_.uses(name) != static_cast<int>(takers->second.size())) {
      return false;
    }
    const graph::Shape rows = rows_of(*shape, shape->back());
    return std::all_of(takers->second.begin(), takers->second.end(), [&](std::size_t i) {
      const OnnxNode& node = nodes()[i];
      const graph::Shape* to = graph_.shape(node.outputs[0]);
      return is_reshape(node) && graph_.is_known(node) && node.inputs[0] == name && to != nullptr &&
             target_shape(rows, *to).has_value();
    });
  }

  void join(const std::string& x, const std::vector<Layer>& layers) {
    const graph::Shape shape = *graph_.shape(x);
    const graph::Shape rows = rows_of(shape, shape.back());
    OnnxNode* before = graph_.producer(x);
    const bool is_free = before != nullptr && is_reshape(*before) && graph_.is_known(*before) &&
                         graph_.uses(x) == static_cast<int>(layers.size()) &&
                         graph_.shape(before->inputs[0]) != nullptr &&
                         target_shape(*graph_.shape(before->inputs[0]), rows).has_value();
    if (!is_free && (layers.size() < 2 || !target_shape(shape, rows))) return;
    const std::string matrix = graph_.unused(x + "_rows");
    graph_.define(matrix, x, rows);
    if (is_free) {
      before->outputs = {matrix};
      graph_.set_reshape(*before, std::string(before->inputs[0]));
    } else {
      OnnxNode node;
      node.name = matrix;
      node.outputs = {matrix};
      graph_.set_reshape(node, x);
      const auto first =
          std::min_element(layers.begin(), layers.end(),
                           [](const Layer& a, const Layer& b) { return a.product < b.product; });
      added_.emplace_back(first->product, std::move(node));
    }
    for (const Layer& layer : layers) {
      const std::string result = nodes()[layer.add].outputs[0];
      const std::string own = graph_.unused(result + "_rows");
      graph_.define(own, result, rows_of(*graph_.shape(result), graph_.shape(result)->back()));
      make_gemm(layer, matrix);
      nodes()[layer.add].outputs = {own};
      for (const std::size_t i : takers_[result]) graph_.set_reshape(nodes()[i], own);
    }
  }

  CleanGraph& graph_;
  std::map<std::string, std::vector<std::size_t>> takers_;
  std::vector<std::pair<std::size_t, OnnxNode>> added_;  // before which place
  bool changed_ = false;
};

}  // namespace

bool join_biases(CleanGraph& graph) { return Biases(graph).run(); }

}  // namespace lasso::onnx
