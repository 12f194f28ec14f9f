// Dimensions as JSON: a number, or a list of terms [coefficient, factor...], where a factor is a
// symbol, or [dimension, divisor] for the floor of a division.
#ifndef LASSO_GRAPH_DIM_JSON_H_
#define LASSO_GRAPH_DIM_JSON_H_

#include <string>

#include "core/json_fields.h"
#include "graph/dim.h"

namespace lasso::graph {

Json write_value(const Dim& dim);
// What is read may come from anywhere: few dimensions, terms, factors and divisions inside of each
// other, and small numbers.
void read_value(const Json& json, Dim& dim, const std::string& where);
void read_value(const Json& json, Shape& shape, const std::string& where);

}  // namespace lasso::graph

#endif  // LASSO_GRAPH_DIM_JSON_H_
