// A model and how it is run: what comparisons and measurements are made of.
#ifndef LASSO_CLI_MODEL_OPERAND_H_
#define LASSO_CLI_MODEL_OPERAND_H_

#include <string>

#include "cli/model/model.h"
#include "cli/options.h"

namespace lasso::app {

// "FILE@VARIANT"
struct Operand {
  std::string file;
  // fast or reference, a precision, a device, an instruction set, or several of these with +
  std::string variant;

  std::string text() const { return file + "@" + variant; }
  std::string short_name() const;  // without the folder
};

// Splits "FILE[@VARIANT]"; throws Failure(kUsage) for an unknown variant.
Operand parse_operand(const std::string& text, const std::string& default_variant);

// Whether its variant says where it runs.
bool names_device(const Operand& operand);
// The same on a device; throws Failure(kUsage) where its variant says another one.
Operand on_device(const Operand& operand, const std::string& device);

// In a child: caps its instruction set and chooses its kernels as the variant says.
RunOptions apply_variant(const Operand& operand, const RunOptions& run);

// Opens its file, with `model` for the rest, as `run`, which apply_variant() returned, says.
OpenModel open_operand(const Operand& operand, const ModelOptions& model, const RunOptions& run);

}  // namespace lasso::app

#endif  // LASSO_CLI_MODEL_OPERAND_H_
