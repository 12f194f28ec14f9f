#include "cli/model/argument_shapes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>

#include "cli/exit_codes.h"
#include "cli/values.h"
#include "common/text.h"

namespace lasso::app {

bool is_number(const std::string& dim) {
  return !dim.empty() && dim.size() < 19 &&
         dim.find_first_not_of("0123456789") == std::string::npos;
}

std::optional<SymbolMultiple> symbol_multiple(const std::string& dim) {
  SymbolMultiple multiple{dim, 1};
  const std::size_t times = dim.find('*');
  if (times != std::string::npos && is_number(dim.substr(0, times))) {
    multiple = {dim.substr(times + 1), std::stoll(dim.substr(0, times))};
  }
  const bool is_symbol = !is_number(multiple.symbol) && multiple.factor > 0 &&
                         multiple.symbol.find_first_of(" +*()") == std::string::npos;
  return is_symbol ? std::optional(multiple) : std::nullopt;
}

std::string text_of(const ArgumentInfo& argument) {
  return fmt::format("\"{}\" ({} [{}])", printable(argument.name), to_string(argument.type),
                     fmt::join(argument.shape, ", "));
}

std::vector<std::int64_t> shape_of(const ArgumentInfo& argument, const SymbolSizes& sizes) {
  std::vector<std::int64_t> shape;
  for (const std::string& dim : argument.shape) {
    const auto multiple = symbol_multiple(dim);
    const auto size = multiple ? sizes.find(multiple->symbol) : sizes.end();
    if (is_number(dim)) {
      shape.push_back(std::stoll(dim));
    } else if (size != sizes.end()) {
      shape.push_back(multiple->factor * size->second);
    } else {
      usage_error("input {}: its shape is a formula; give it with --inputs", text_of(argument));
    }
  }
  return shape;
}

void add_size_option(CLI::App* app, std::vector<std::string>* sizes, const std::string& group) {
  app->add_option("--size", *sizes,
                  "What a symbol of the inputs' shapes stands for; repeatable. Default: the size "
                  "that the model was built for, or 1.")
      ->type_name("NAME=N")
      ->allow_extra_args(false)
      ->group(group);
}

SymbolSizes parse_sizes(const std::vector<std::string>& texts) {
  constexpr std::int64_t kMost = std::int64_t{1} << 31;
  SymbolSizes sizes;
  for (const std::string& text : texts) {
    const std::size_t equals = text.rfind('=');
    if (equals == std::string::npos || equals == 0) {
      usage_error("--size {}: expected NAME=N, as in batch=2", text);
    }
    const std::string name = text.substr(0, equals);
    if (!sizes
             .emplace(name,
                      parse_integer("--size " + name + "=", text.substr(equals + 1), 1, kMost))
             .second) {
      usage_error("--size {}: {} is given twice", text, name);
    }
  }
  return sizes;
}

}  // namespace lasso::app
