// A model and how it is run: what comparisons and measurements are made of.
#ifndef LASSO_CLI_MODEL_OPERAND_H_
#define LASSO_CLI_MODEL_OPERAND_H_

#include <string>
#include <vector>

#include "cli/model/model.h"
#include "cli/options.h"

namespace lasso::app {

// "FILE@VARIANT"
struct Operand {
  std::string file;
  // fast or reference, a precision, a device, an instruction set, another runtime, or several of
  // these with +
  std::string variant;

  std::string text() const { return file + "@" + variant; }
  std::string short_name() const;  // without the folder
};

// Splits "FILE[@VARIANT]"; throws Failure(kUsage) for an unknown variant.
Operand parse_operand(const std::string& text, const std::string& default_variant);

// The runtime that its variant names; "lasso" where it names none.
std::string runtime_of(const Operand& operand);
// Whether its variant says where it runs.
bool names_device(const Operand& operand);
// The same on a device; throws Failure(kUsage) where its variant says another one.
Operand on_device(const Operand& operand, const std::string& device);

// Throws Failure(kUsage) where none of the operands runs on a device of the kind that run.isa caps,
// so that the cap would be without effect.
void check_isa(const std::vector<Operand>& operands, const RunOptions& run);

// In a child: chooses device and kernels and caps instructions, as the variant says, the options
// where it does not, and an engine file where they do not. A cap of the options is for devices of
// its kind alone. Throws Failure(kUsage) where the variant contradicts an engine file's device.
RunOptions apply_variant(const Operand& operand, const RunOptions& run);

// Opens its file, which is SAM's, with `model` for the rest, as `run`, which apply_variant()
// returned, says.
OpenModel open_operand(const Operand& operand, const ModelOptions& model, const RunOptions& run);

}  // namespace lasso::app

#endif  // LASSO_CLI_MODEL_OPERAND_H_
