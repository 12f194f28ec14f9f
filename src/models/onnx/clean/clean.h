// Cleaning: an ONNX model without what no run needs, as an ONNX model.
#ifndef LASSO_MODELS_ONNX_CLEAN_CLEAN_H_
#define LASSO_MODELS_ONNX_CLEAN_CLEAN_H_

#include <string>
#include <vector>

#include "formats/onnx/onnx_model.h"

namespace lasso::onnx {

struct CleanModel {
  OnnxModel model;
  int nodes_before = 0;              // of the main graph
  std::vector<std::string> unknown;  // operators of nodes that Lasso does not have, once each
};

// The model, which read_model() gave, with
// - what is constant computed in advance, sizes that shapes say among it, as far as it does not
//   make the file much larger;
// - nodes gone that give what they take, that are there twice, or whose results nobody takes;
// - chains of Reshape, Transpose and Slice nodes joined, and the bias of a product with it (Gemm)
//   where that takes nodes away;
// - equal initialisers once.
// Inputs and outputs keep their names, types and order, values that stay their names, and unknown
// operators all that they have. Initialisers that are inputs besides may be replaced when a model
// is run, and stay what they are; before version 4 of the format all initialisers are listed so:
// they are no inputs afterwards, and the version is 4. Graphs in attributes stay as they are.
CleanModel clean(OnnxModel model);

}  // namespace lasso::onnx

#endif  // LASSO_MODELS_ONNX_CLEAN_CLEAN_H_
