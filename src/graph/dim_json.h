// Dimensions as JSON: a number, or a list of terms [coefficient, symbol...].
#ifndef LASSO_GRAPH_DIM_JSON_H_
#define LASSO_GRAPH_DIM_JSON_H_

#include <string>

#include "core/json_fields.h"
#include "graph/dim.h"

namespace lasso::graph {

Json write_value(const Dim& dim);
// What is read may come from anywhere: few dimensions, terms and factors, and small coefficients.
void read_value(const Json& json, Dim& dim, const std::string& where);
void read_value(const Json& json, Shape& shape, const std::string& where);

}  // namespace lasso::graph

#endif  // LASSO_GRAPH_DIM_JSON_H_
