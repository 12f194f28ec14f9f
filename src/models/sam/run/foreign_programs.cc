#include "models/sam/run/foreign_programs.h"

#include "core/check.h"

namespace lasso::sam {

ForeignPrograms::ForeignPrograms(std::shared_ptr<const ForeignParts> parts,
                                 engine::Session& session, const OpenForeignModel& open)
    : parts_(std::move(parts)), session_(session) {
  if (parts_ == nullptr) return;
  LASSO_CHECK(open != nullptr, ErrorCode::kInternal, "nothing opens models of {}", parts_->runtime);
  for (const auto& [name, program] : parts_->programs) {
    for (const ForeignStep& step : program.steps) {
      if (models_.count(step.path) > 0) continue;
      models_[step.path] = open(step.path, step.more_outputs);
    }
  }
}

void ForeignPrograms::add(const ForeignValue& value, const graph::Bindings& symbols,
                          Values& values) {
  Dims dims = graph::evaluate(value.shape, symbols);
  values.memory.emplace_back(static_cast<std::size_t>(element_count(dims)) * size_of(value.dtype));
  values.dtypes.push_back(value.dtype);
  values.dims.push_back(std::move(dims));
}

void ForeignPrograms::run_own(const std::string& name, const graph::Bindings& symbols,
                              std::span<const engine::ConstTensorRef> inputs,
                              std::span<const engine::TensorRef> outputs) {
  const std::size_t program = session_.program(name);
  std::vector<std::int64_t> sizes;
  for (const std::string& symbol : session_.module().programs[program].symbols) {
    sizes.push_back(symbols.at(symbol));
  }
  session_.run(program, sizes, inputs, outputs);
}

void ForeignPrograms::run_step(const ForeignStep& step, const graph::Bindings& symbols,
                               Values& values) {
  std::vector<ForeignModel::Input> inputs;
  for (const auto& [name, tensor] : step.fixed) inputs.push_back({name, tensor.view()});
  for (const auto& [name, i] : step.inputs) {
    inputs.push_back({name, {values.dtypes.at(i), values.dims.at(i), values.memory.at(i).data()}});
  }
  const std::size_t first = values.memory.size();
  for (const ForeignValue& output : step.outputs) add(output, symbols, values);
  std::vector<ForeignModel::Output> outputs;
  for (std::size_t i = 0; i < step.outputs.size(); ++i) {
    outputs.push_back({step.outputs[i].name, values.dtypes[first + i], values.dims[first + i],
                       values.memory[first + i].data()});
  }
  models_.at(step.path)->run(inputs, outputs);
}

void ForeignPrograms::run(const std::string& program, const graph::Bindings& symbols,
                          std::span<const engine::ConstTensorRef> inputs,
                          std::span<const engine::TensorRef> outputs) {
  const ForeignProgram& what = parts_->programs.at(program);
  Values values;
  std::vector<engine::TensorRef> prepared;
  for (const ForeignValue& value : what.prepared) {
    add(value, symbols, values);
    prepared.emplace_back(values.memory.back().data(), value.dtype);
  }
  run_own(what.before, symbols, inputs, prepared);
  for (const ForeignStep& step : what.steps) run_step(step, symbols, values);
  std::vector<engine::ConstTensorRef> results;
  for (const std::size_t i : what.results) {
    results.emplace_back(values.memory.at(i).data(), values.dtypes.at(i));
  }
  run_own(what.after, symbols, results, outputs);
}

std::vector<std::pair<std::string, std::string>> ForeignPrograms::settings() const {
  if (models_.empty()) return {};
  return models_.begin()->second->settings();
}

}  // namespace lasso::sam
