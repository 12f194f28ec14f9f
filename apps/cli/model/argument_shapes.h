// The sizes of what a model takes: numbers, and symbols that runs give their values.
#ifndef LASSO_CLI_MODEL_ARGUMENT_SHAPES_H_
#define LASSO_CLI_MODEL_ARGUMENT_SHAPES_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/parser.h"
#include "lasso/runner.h"

namespace lasso::app {

using SymbolSizes = std::map<std::string, std::int64_t>;

// What a dimension of ArgumentInfo::shape is; if neither, it is a formula such as "points + 5".
bool is_number(const std::string& dim);
// A symbol, or a number of it: "rows", "32*rows". A size that is no multiple of the number is none
// of the dimension's.
struct SymbolMultiple {
  std::string symbol;
  std::int64_t factor = 1;
};
std::optional<SymbolMultiple> symbol_multiple(const std::string& dim);

// "\"x\" (float32 [batch, 3])"
std::string text_of(const ArgumentInfo& argument);

// The shape of an input. Throws Failure(kUsage) for a formula of symbols.
std::vector<std::int64_t> shape_of(const ArgumentInfo& argument, const SymbolSizes& sizes);

// --size NAME=N, repeatable, and what it says. Throws Failure(kUsage).
void add_size_option(CLI::App* app, std::vector<std::string>* sizes, const std::string& group);
SymbolSizes parse_sizes(const std::vector<std::string>& texts);

}  // namespace lasso::app

#endif  // LASSO_CLI_MODEL_ARGUMENT_SHAPES_H_
