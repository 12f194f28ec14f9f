// SAM whose ONNX models another runtime runs: what Lasso does before and behind them.
#ifndef LASSO_MODELS_SAM_ONNX_FOREIGN_H_
#define LASSO_MODELS_SAM_ONNX_FOREIGN_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/tensor.h"
#include "graph/graph.h"
#include "models/sam/run/foreign_programs.h"

namespace lasso::sam_onnx {

// A model in a program that was made of it: the program's values that are its inputs and outputs.
struct ModelPlace {
  std::string path;
  std::vector<std::pair<std::string, graph::ValueId>> inputs;   // by name
  std::map<std::string, Tensor> fixed;                          // inputs that are always the same
  std::vector<std::pair<std::string, graph::ValueId>> outputs;  // that others read
  // Of the outputs, those that the file does not list.
  std::vector<std::string> more_outputs;
};

struct CutProgram {
  graph::Graph before;
  graph::Graph after;
  sam::ForeignProgram program;
};

// The program without its models, of which each takes what the program's own nodes make of its
// inputs or what models before it give. Throws kUnsupported where one takes something else.
CutProgram cut_program(const graph::Graph& program, const std::vector<ModelPlace>& models);

}  // namespace lasso::sam_onnx

#endif  // LASSO_MODELS_SAM_ONNX_FOREIGN_H_
