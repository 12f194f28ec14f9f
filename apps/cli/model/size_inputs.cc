#include "cli/model/size_inputs.h"

#include <algorithm>

#include "cli/model/child.h"
#include "cli/model/model.h"
#include "lasso/engine.h"

namespace lasso::app {

namespace {

SymbolSizes previewed(const ModelOptions& model) {
  const EnginePreview preview = Engine::preview(model.model, model_options(model, {}));
  if (preview.info.programs.empty()) return {};
  const std::vector<ArgumentInfo>& arguments = preview.info.programs.front().arguments;
  return size_inputs(arguments, arguments);
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
    if (input.role == ArgumentRole::kSizes) sizes[input.name] = typical_size(outputs);
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
