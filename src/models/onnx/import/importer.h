// Importing: from an ONNX model, as its file has it, to a program.
#ifndef LASSO_MODELS_ONNX_IMPORT_IMPORTER_H_
#define LASSO_MODELS_ONNX_IMPORT_IMPORTER_H_

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "formats/onnx/onnx_model.h"
#include "graph/builder.h"
#include "graph/graph.h"
#include "models/onnx/import/counted_rows.h"
#include "models/onnx/import/evaluate.h"
#include "models/onnx/import/operand.h"

namespace lasso::onnx {

class NodeContext;

// The model as a program called "main", whose inputs and outputs have the model's names, types and
// order. Sizes of inputs that the file leaves open are symbols: by the file's names, and
// "NAME_AXIS" where it says nothing. Throws kUnsupported with every node that can't be imported and
// why, and kCorruptFile for nodes that break their operator's rules. Inputs that `fixed` has are
// constants, and no inputs of the program; throws kInvalidArgument for one that the model lacks or
// has in another type or shape.
using FixedInputs = std::map<std::string, Tensor>;
graph::Graph import_model(const OnnxModel& model, const FixedInputs& fixed = {});

// One import. Nodes ask it for the operands of their names and give it those of their results.
class Importer {
 public:
  Importer(const OnnxModel& model, const FixedInputs& fixed);

  graph::Graph run();

  graph::Builder& builder() { return builder_; }
  FoldingBudget& budget() { return budget_; }

  const Operand* find(const std::string& name) const;
  void define(const std::string& name, Operand operand);
  // The operand's value in the graph; made where only integers are known so far.
  graph::ValueId value(Operand& operand, const std::string& name);
  Operand& operand(const std::string& name);

  // Sizes are at least 1: where one is a symbol less a number, the program's profile says so.
  void require_positive(const graph::Dim& size);
  // A size that is known at run time only, and is at most the capacity: a symbol stands for it, and
  // the capacity in its place when the import is done. `count` is the value that says how much.
  graph::Dim counted_size(graph::Dim capacity);
  void set_count(const graph::Dim& size, graph::ValueId count);

  // Appends a node to the graph, or its result, where all inputs are constants. `name` is the
  // results', with numbers behind it.
  std::vector<graph::ValueId> add(const std::string& name, const graph::Op& op,
                                  const std::vector<graph::ValueId>& inputs);

 private:
  void add_inputs();
  graph::ValueId sizes_as_numbers(const Operand& operand, const std::string& name);
  void add_fixed(const OnnxValueInfo& info, const Tensor& tensor);
  void add_initializer(const OnnxTensor& tensor);
  void add_nodes();
  void import_node(std::size_t index);
  void add_outputs();

  graph::ValueId separate(graph::ValueId id, const std::string& name);

  const OnnxModel& model_;
  const FixedInputs& fixed_;
  graph::Builder builder_;
  FoldingBudget budget_;
  std::map<std::string, Operand> operands_;
  std::vector<graph::ValueId> inputs_;
  std::set<std::string> symbols_;              // in use
  std::map<std::string, std::int64_t> least_;  // what they stand for
  std::vector<CountedSize> counted_;
  std::map<graph::ValueId, graph::ValueId> reshaped_;  // what a value is another shape of
  std::set<graph::ValueId> outputs_;
  std::vector<std::string> unsupported_;  // "node 3 (NonZero_3, NonZero): why"
};

// The value of a tensor of the model: a graph's constant where kernels read it, and its elements
// where they are few integers.
Operand operand_of(Importer& importer, const OnnxTensor& tensor);

}  // namespace lasso::onnx

#endif  // LASSO_MODELS_ONNX_IMPORT_IMPORTER_H_
