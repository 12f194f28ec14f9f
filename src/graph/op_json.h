// Ops and their attributes as JSON. Where one number stands for all, it is that number: a Size2d is
// 2 or [2, 1], Pads2d are 1 or [1, 0, 1, 0].
#ifndef LASSO_GRAPH_OP_JSON_H_
#define LASSO_GRAPH_OP_JSON_H_

#include <string>

#include "graph/dim_json.h"
#include "graph/op.h"

namespace lasso::graph {

Json write_value(const Size2d& size);
void read_value(const Json& json, Size2d& size, const std::string& where);
Json write_value(const Pads2d& pads);
void read_value(const Json& json, Pads2d& pads, const std::string& where);

// The op's attributes, and its name as "op".
Json write_op(const Op& op);
// The op of that name, with its attributes from the reader's object. Throws kCorruptFile if there
// is none.
Op read_op(const std::string& name, FieldReader& reader);

}  // namespace lasso::graph

#endif  // LASSO_GRAPH_OP_JSON_H_
