#include "cli/model/size_inputs.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>

#include "cli/model/child.h"
#include "cli/model/model.h"
#include "lasso/engine.h"

namespace lasso::app {

namespace {

SymbolSizes previewed(const ModelOptions& model) {
  const EnginePreview preview = Engine::preview(model.model, model_options(model, {}));
  if (preview.info.programs.empty()) return {};
  const std::vector<ArgumentInfo>& arguments = preview.info.programs.front().arguments;
  std::vector<ArgumentInfo> outputs;
  for (const ArgumentInfo& argument : arguments) {
    const bool is_input =
        argument.role == ArgumentRole::kInput || argument.role == ArgumentRole::kSizes;
    if (!is_input) outputs.push_back(argument);
  }
  return size_inputs(arguments, outputs);
}

// Where no profile says a size, the largest number that stands in outputs' shapes.
std::int64_t likely_size(const std::vector<ArgumentInfo>& outputs) {
  const std::int64_t typical = typical_size(outputs);
  if (typical > 1) return typical;
  std::int64_t largest = 1;
  std::map<std::string, std::int64_t> most_of;  // by symbol, which may have several ranges
  for (const ArgumentInfo& output : outputs) {
    for (const SizeRange& range : output.profile) {
      most_of[range.symbol] = std::max(most_of[range.symbol], range.max);
    }
    for (const std::string& dim : output.shape) {
      if (is_number(dim)) largest = std::max<std::int64_t>(largest, std::stoll(dim));
    }
  }
  for (const auto& [symbol, most] : most_of) largest = std::min(largest, most);
  return largest;
}

}  // namespace

std::int64_t typical_size(const std::vector<ArgumentInfo>& outputs) {
  std::int64_t largest = 1;
  for (const ArgumentInfo& output : outputs) {
    for (const SizeRange& range : output.profile) largest = std::max(largest, range.opt);
  }
  return largest;
}

SymbolSizes size_inputs(const std::vector<ArgumentInfo>& inputs,
                        const std::vector<ArgumentInfo>& outputs) {
  SymbolSizes sizes;
  for (const ArgumentInfo& input : inputs) {
    if (input.role == ArgumentRole::kSizes) sizes[input.name] = likely_size(outputs);
  }
  return sizes;
}

SymbolSizes size_inputs_of(const ModelOptions& model) {
  Child child(model.model, [&](Parent* parent) {
    SymbolSizes sizes;
    try {
      sizes = previewed(model);
    } catch (const lasso::Error&) {
      // Whether the model runs is the other runtime's to say.
    }
    parent->send(RecordKind::kInfo, {{"sizes", sizes}});
  });
  return child.next().meta.at("sizes").get<SymbolSizes>();
}

}  // namespace lasso::app
