// A model that is one program.
#ifndef LASSO_MODELS_SINGLE_PROGRAM_H_
#define LASSO_MODELS_SINGLE_PROGRAM_H_

#include <cstdint>

#include "models/family.h"

namespace lasso {

struct SingleProgram {
  engine::ModelRecord record;
  graph::Graph program;
  std::uint64_t weight_bytes = 0;
  // Copies of the weights that are not resident yet and become so while the program is compiled,
  // beside the packed ones: 0 of those that lie in memory, 1 of a mapped file's.
  std::uint64_t unread_weights = 0;
};

class SingleProgramDescription final : public ModelDescription {
 public:
  explicit SingleProgramDescription(SingleProgram model);

  engine::ModelRecord record() const override { return model_.record; }
  graph::Module programs() const override;
  std::uint64_t build_memory(bool into_file) const override;
  quant::PrecisionPlan precision_plan(Precision precision,
                                      const engine::CompileOptions& options) const override;

 private:
  SingleProgram model_;
};

}  // namespace lasso

#endif  // LASSO_MODELS_SINGLE_PROGRAM_H_
