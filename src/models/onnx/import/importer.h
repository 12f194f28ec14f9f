// Importing: from an ONNX model, as its file has it, to a program.
#ifndef LASSO_MODELS_ONNX_IMPORT_IMPORTER_H_
#define LASSO_MODELS_ONNX_IMPORT_IMPORTER_H_

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "formats/onnx/onnx_model.h"
#include "graph/builder.h"
#include "graph/graph.h"
#include "kernels/evaluate.h"
#include "models/onnx/import/computed_sizes.h"
#include "models/onnx/import/counted_rows.h"
#include "models/onnx/import/operand.h"

namespace lasso::onnx {

class NodeContext;

// What an import may compute.
using FoldingBudget = kernels::WorkBudget;

// The model as a program called "main", whose inputs and outputs have the model's names, types and
// order. Sizes of inputs that the file leaves open are symbols: by the file's names, and
// "NAME_AXIS" where it says nothing. Throws kUnsupported with every node that can't be imported and
// why, and kCorruptFile for nodes that break their operator's rules. Inputs that `fixed` has are
// constants, and no inputs of the program, and open sizes that `sizes` has are numbers; throws
// kInvalidArgument for an input that the model lacks or has in another type or shape, and for a
// size that no input has.
using FixedInputs = std::map<std::string, Tensor>;
using FixedSizes = std::map<std::string, std::int64_t>;
graph::Graph import_model(const OnnxModel& model, const FixedInputs& fixed = {},
                          const FixedSizes& sizes = {});

// One import. Nodes ask it for the operands of their names and give it those of their results.
class Importer {
 public:
  Importer(const OnnxModel& model, const FixedInputs& fixed, const FixedSizes& sizes);

  graph::Graph run();
  // Learns what it can of all values, and no program: nodes, initialisers and inputs that it does
  // not support are named in unsupported(), and of what depends on them nothing is known. Throws
  // kCorruptFile as run() does.
  void learn();
  const std::vector<std::string>& unsupported() const { return unsupported_; }
  // Whether it learns: what a program may ask of its inputs' sizes is then no fact to build on.
  bool is_learning() const { return is_learning_; }

  graph::Builder& builder() { return builder_; }
  FoldingBudget& budget() { return budget_; }

  const Operand* find(const std::string& name) const;
  void define(const std::string& name, Operand operand);
  // A tensor of the model, which a body's nodes may ask for again and again.
  Operand constant(const OnnxTensor& tensor);
  // The operand's value in the graph; made where only integers are known so far.
  graph::ValueId value(Operand& operand, const std::string& name);
  Operand& operand(const std::string& name);

  // The results of a graph that a node has as an attribute, with its inputs' operands. Names that
  // it defines hide those around it. Nothing where it holds what is not supported, which is noted.
  std::optional<std::vector<Operand>> import_body(const OnnxGraph& body, const std::string& place,
                                                  const std::vector<Operand>& arguments);

  // The float32 value whose elements an integer value has, all of them integers that both types
  // hold; kNoValue where there is none. Reading it in place of the integers computes the same.
  void set_as_float(graph::ValueId integers, graph::ValueId same) { as_float_[integers] = same; }
  graph::ValueId as_float(graph::ValueId integers) const;
  // The elements of integers that something needs as sizes, also where inputs' values decide them:
  // symbols stand for those (see SizeSymbols). Nothing where they can't be known before a run.
  // `least`, 0 or 1, is that of what a run may compute.
  std::shared_ptr<const Integers> sizes_of(Operand& operand, std::int64_t least);
  // A size that is known to be at most another one: where it is a symbol that is computed, and the
  // other one a number, the program's profile says so.
  void require_at_most(const graph::Dim& size, const graph::Dim& most);

  // Sizes are at least 1: where one is a symbol less a number, the program's profile says so.
  void require_positive(const graph::Dim& size);
  // A size that is known at run time only, and is at most the capacity: a symbol stands for it, and
  // the capacity in its place when the import is done. `count` is the value that says how much.
  graph::Dim counted_size(graph::Dim capacity);
  void set_count(const graph::Dim& size, graph::ValueId count);
  // The symbols of such sizes, which may be 0.
  const SymbolSet& counted_symbols() const { return counted_symbols_; }

  // Appends a node to the graph, or its result, where all inputs are constants. `name` is the
  // results', with numbers behind it.
  std::vector<graph::ValueId> add(const std::string& name, const graph::Op& op,
                                  const std::vector<graph::ValueId>& inputs);

 private:
  void check_version() const;
  void add_fixed_inputs();
  void add_input(const OnnxValueInfo& info);
  graph::ValueId sizes_as_numbers(const Operand& operand, const std::string& name);
  void add_fixed(const OnnxValueInfo& info, const Tensor& tensor);
  void add_initializer(const OnnxTensor& tensor);
  void add_nodes();
  void import_node(const OnnxNode& node, std::size_t index);
  const std::vector<graph::ValueId>* computed(const graph::Op& op,
                                              const std::vector<graph::ValueId>& inputs) const;
  // Notes the open sizes of inputs that an operand of the node has; false if there are none.
  bool add_undecided_sizes(const OnnxNode& node);
  void note_unsupported(const std::string& what);
  graph::Shape input_shape(const OnnxValueInfo& info);
  void check_fixed_sizes() const;
  void add_outputs();

  graph::ValueId separate(graph::ValueId id, const std::string& name);

  const OnnxModel& model_;
  const FixedInputs& fixed_;
  const FixedSizes& sizes_;
  bool is_learning_ = false;
  std::set<std::string> open_sizes_;  // of inputs, before some are fixed
  graph::Builder builder_;
  FoldingBudget budget_;
  std::vector<std::map<std::string, Operand>> scopes_{1};  // of names; inner ones behind
  std::string place_;                                      // of the body that is imported, if any
  std::vector<graph::ValueId> inputs_;
  std::set<std::string> symbols_;              // in use
  std::map<std::string, std::int64_t> least_;  // what they stand for
  std::vector<CountedSize> counted_;
  SymbolSet counted_symbols_;
  SizeSymbols size_symbols_;
  std::map<graph::ValueId, graph::ValueId> reshaped_;  // what a value is another shape of
  std::map<graph::ValueId, graph::ValueId> as_float_;
  std::map<const OnnxTensor*, Operand> constants_;
  // What was computed of constants, by these: bodies compute the same again and again.
  std::multimap<std::vector<graph::ValueId>, std::pair<graph::Op, std::vector<graph::ValueId>>>
      computed_;
  std::set<graph::ValueId> outputs_;
  std::set<std::string> undecided_;       // open sizes where something is not supported
  std::vector<std::string> unsupported_;  // "node 3 (NonZero_3, NonZero): why"
};

// The value of a tensor of the model: a graph's constant where kernels read it, and its elements
// where they are few integers.
Operand operand_of(Importer& importer, const OnnxTensor& tensor);

}  // namespace lasso::onnx

#endif  // LASSO_MODELS_ONNX_IMPORT_IMPORTER_H_
