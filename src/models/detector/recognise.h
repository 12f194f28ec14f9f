// What a model is as a detector: what its program's input and outputs are for.
#ifndef LASSO_MODELS_DETECTOR_RECOGNISE_H_
#define LASSO_MODELS_DETECTOR_RECOGNISE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "lasso/engine.h"
#include "models/family.h"

namespace lasso::detector {

// Its one program takes one batch of images, [batch, 3, height, width].
struct Interface {
  DetectorInfo info;
  // Places among the program's outputs, by the form: boxes; maps, the finest first; counts, boxes,
  // scores and classes; rows and their count.
  std::vector<std::size_t> outputs;
  int anchors = 0;  // of kMaps: of each place; 0: open, where places and anchors are one dimension
};

struct Recognised {
  std::optional<Interface> interface;
  std::string reason;  // a clause that says why it is none; empty where it is
};

// By types, shapes and nodes. A number of boxes must be that of maps of 8, 16 and 32 pixels, or the
// like, with several boxes a place: so are models told whose boxes mean something else.
Recognised recognise(const graph::Graph& program);

// Of any family: its own description where it has one.
Recognised recognise(const Model& model);

// Whether a node of the model chooses its boxes.
bool has_own_suppression(const DetectorInfo& info);

// Finds the value of the symbol in a dimension that is a number, a symbol, or a multiple of one, so
// that it is `size`; false where none does, or the symbol has another value.
bool bind_size(const graph::Dim& dim, std::int64_t size, graph::Bindings& bindings);

}  // namespace lasso::detector

#endif  // LASSO_MODELS_DETECTOR_RECOGNISE_H_
