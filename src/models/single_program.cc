#include "models/single_program.h"

#include <utility>

#include "core/memory.h"
#include "models/program_precision.h"

namespace lasso {

SingleProgramDescription::SingleProgramDescription(SingleProgram model)
    : model_(std::move(model)) {}

graph::Module SingleProgramDescription::programs() const {
  graph::Module module;
  module.programs.push_back(model_.program);
  return module;
}

std::uint64_t SingleProgramDescription::build_memory(bool into_file) const {
  const std::uint64_t packed = into_file ? 1 : 2;
  return resident_bytes() + (model_.unread_weights + packed) * model_.weight_bytes + 64 * kMiB;
}

quant::PrecisionPlan SingleProgramDescription::precision_plan(
    Precision precision, const engine::CompileOptions& options) const {
  return program_precision(model_.program, precision, options.target, options.reference);
}

}  // namespace lasso
