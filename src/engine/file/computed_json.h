// The graph that computes a program's sizes, as JSON: a part of the programs section of an engine
// file, with its few constants in it.
#ifndef LASSO_ENGINE_FILE_COMPUTED_JSON_H_
#define LASSO_ENGINE_FILE_COMPUTED_JSON_H_

#include "core/json_fields.h"
#include "graph/graph.h"

namespace lasso::engine {

Json write_computed(const graph::ComputedSizes& computed);

// What write_computed wrote, or something like it: types, counts and names are checked, ids lie in
// range, and nothing else is known to be right. Throws kCorruptFile with the place.
graph::ComputedSizes read_computed(FieldReader& reader);

}  // namespace lasso::engine

#endif  // LASSO_ENGINE_FILE_COMPUTED_JSON_H_
