// Putting nodes before and behind those of a program, and programs behind each other.
#ifndef LASSO_MODELS_SAM_ONNX_PROGRAM_EDITOR_H_
#define LASSO_MODELS_SAM_ONNX_PROGRAM_EDITOR_H_

#include <cstddef>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace lasso::sam_onnx {

class ProgramEditor {
 public:
  explicit ProgramEditor(graph::Graph graph) : graph_(std::move(graph)) {}

  const graph::Graph& graph() const { return graph_; }
  const graph::Value& value(graph::ValueId id) const { return graph_.value(id); }

  // A value that becomes an input of the program, where take() names it.
  graph::ValueId input(const std::string& name, DType dtype, graph::Shape shape);
  graph::ValueId constant(const std::string& name, const Tensor& tensor);
  // The result of a node before, or behind, those that the program has.
  graph::ValueId before(const std::string& name, const graph::Op& op,
                        const std::vector<graph::ValueId>& inputs);
  graph::ValueId behind(const std::string& name, const graph::Op& op,
                        const std::vector<graph::ValueId>& inputs);
  // What reads `old` reads `by`, of the same type and shape.
  void replace(graph::ValueId old, graph::ValueId by);
  // Sizes, which read a value because every node does, read this input.
  void read_sizes_from(graph::ValueId input);
  // Puts another program behind this one, whose inputs are these values of it, in their order.
  // Returns its outputs.
  std::vector<graph::ValueId> append(graph::Graph other, const std::vector<graph::ValueId>& inputs);

  // The program with these inputs and outputs. Verifies it.
  graph::Graph take(const std::string& name, const std::vector<graph::ValueId>& inputs,
                    const std::vector<graph::ValueId>& outputs);

 private:
  graph::ValueId add(const std::string& name, const graph::Op& op,
                     const std::vector<graph::ValueId>& inputs, std::size_t place);

  graph::Graph graph_;
  std::size_t before_ = 0;  // how many nodes were put before the program's
};

}  // namespace lasso::sam_onnx

#endif  // LASSO_MODELS_SAM_ONNX_PROGRAM_EDITOR_H_
