// A graph while it is cleaned: its nodes, each of which has a result, and what is known of its
// values.
#ifndef LASSO_MODELS_ONNX_CLEAN_CLEAN_GRAPH_H_
#define LASSO_MODELS_ONNX_CLEAN_CLEAN_GRAPH_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "formats/onnx/onnx_model.h"
#include "models/onnx/import/importer.h"

namespace lasso::onnx {

class CleanGraph {
 public:
  explicit CleanGraph(OnnxModel& model);

  OnnxGraph& graph() { return model_.graph; }
  std::vector<OnnxNode>& nodes() { return model_.graph.nodes; }
  std::int64_t opset() const;

  // Null: nothing is known of the value.
  const Operand* find(const std::string& name) const;
  const graph::Shape* shape(const std::string& name) const;
  // Whether the importer took the node: its inputs and attributes are what the operator wants.
  bool is_known(const OnnxNode& node) const { return find(node.outputs.front()) != nullptr; }
  // A constant of the model's, as an initialiser of that name; nothing where the value is not known
  // in the type that it has.
  std::optional<OnnxTensor> constant(const std::string& name) const;
  // Integers that are numbers.
  std::optional<std::vector<std::int64_t>> integers(const std::string& name) const;
  // Whether the value is an initialiser that no caller replaces.
  bool is_initializer(const std::string& name) const { return fixed_.count(name) != 0; }
  bool is_output(const std::string& name) const { return outputs_.count(name) != 0; }

  void add_initializer(OnnxTensor tensor);
  // An initialiser of integers, [n].
  std::string add_integers(const std::vector<std::int64_t>& values);
  // A name like that one that no value has.
  std::string unused(const std::string& like);
  // Says of a new value what is known of another one, under another shape.
  void define(const std::string& name, const std::string& like, graph::Shape shape);

  // Makes the node a Reshape of x to the shape of its result; false, with nothing changed, where
  // that can't be said.
  bool set_reshape(OnnxNode& node, const std::string& x);

  // Who makes each value, and how often it is taken, by graphs in attributes too; an output of the
  // graph counts once more. Both hold until nodes change.
  void count();
  int uses(const std::string& name) const;
  OnnxNode* producer(const std::string& name);

  // Takes nodes away whose results nobody takes, and then initialisers. Keeps the counts right.
  void remove_dead();
  // Everybody takes the second value in place of the first.
  void rename(const std::map<std::string, std::string>& names);

 private:
  OnnxModel& model_;
  OnnxModel learnt_;  // without initialisers that callers may replace
  std::unique_ptr<Importer> importer_;
  std::set<std::string> names_;
  std::set<std::string> fixed_;
  std::set<std::string> outputs_;
  std::map<std::string, int> uses_;
  std::map<std::string, std::size_t> producers_;
};

// Attributes, element by element; false where one holds a graph.
bool same_attributes(const OnnxNode& a, const OnnxNode& b);
std::int64_t integer_attribute(const OnnxNode& node, const char* name, std::int64_t absent);
bool is(const OnnxNode& node, const char* op_type);  // of ONNX's own
// Reshape, Flatten, Squeeze or Unsqueeze.
bool is_reshape(const OnnxNode& node);
// What a Reshape takes to make the shape `to` of `from`: 0 for a size that is there and one -1 at
// most for others that are open. Nothing where there are more of them, and for empty tensors.
std::optional<std::vector<std::int64_t>> target_shape(const graph::Shape& from,
                                                      const graph::Shape& to);

// The passes, in their order; those below return whether they changed something.
void fold_constants(CleanGraph& graph);
void share_initializers(CleanGraph& graph, std::size_t most_bytes);
void fold_shapes(CleanGraph& graph);
bool remove_nodes_that_do_nothing(CleanGraph& graph);
bool remove_duplicates(CleanGraph& graph);
bool join_nodes(CleanGraph& graph);
bool join_biases(CleanGraph& graph);

}  // namespace lasso::onnx

#endif  // LASSO_MODELS_ONNX_CLEAN_CLEAN_GRAPH_H_
