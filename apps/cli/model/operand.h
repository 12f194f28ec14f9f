// A model and how it is run: what comparisons and measurements are made of.
#ifndef LASSO_CLI_MODEL_OPERAND_H_
#define LASSO_CLI_MODEL_OPERAND_H_

#include <string>
#include <vector>

#include "cli/model/model.h"
#include "cli/model/parts.h"
#include "cli/options.h"

namespace lasso::app {

// "FILE@VARIANT", or "ENCODER,DECODER@VARIANT"
struct Operand {
  std::string file;  // that has the decoder
  // fast or reference, a precision, a device, an instruction set, another runtime, or several of
  // these with +
  std::string variant;
  // The parts of its image encoder, which stand in for that of `file`; and what inputs and outputs
  // are, as --role says it.
  std::vector<std::string> encoders{};
  std::vector<std::string> roles{};

  std::string model() const;  // "FILE", "ENCODER,DECODER"
  std::string text() const { return model() + "@" + variant; }
  std::string short_name() const;  // without the folders
  Operand with_variant(const std::string& other) const { return {file, other, encoders, roles}; }
  bool has_same_model(const Operand& other) const { return model() == other.model(); }
};

// Splits "FILE[@VARIANT]", or "ENCODER[,ENCODER...],FILE[@VARIANT]" where no file has this name;
// throws Failure(kUsage) for an unknown variant.
Operand parse_operand(const std::string& text, const std::string& default_variant);

// The runtime that its variant names; "lasso" where it names none.
std::string runtime_of(const Operand& operand);
// Whether its variant says where it runs.
bool names_device(const Operand& operand);
// The same on a device; throws Failure(kUsage) where its variant says another one.
Operand on_device(const Operand& operand, const std::string& device);

// Adds what --encoder and --decoder name, with the model beside them, as another candidate; nothing
// where they are not given. Throws Failure(kUsage) where --role is for none of the candidates.
void add_candidate(const PartsOptions& parts, const std::string& model, const std::string& variant,
                   std::vector<Operand>* candidates);

// Throws Failure(kUsage) where none of the operands runs on a device of the kind that run.isa caps,
// so that the cap would be without effect.
void check_isa(const std::vector<Operand>& operands, const RunOptions& run);

// In a child: chooses device and kernels and caps instructions, as the variant says, the options
// where it does not, and an engine file where they do not. A cap of the options is for devices of
// its kind alone. Throws Failure(kUsage) where the variant contradicts an engine file's device.
RunOptions apply_variant(const Operand& operand, const RunOptions& run);

// Opens its files, which are SAM's, with `model` for the rest, as `run`, which apply_variant()
// returned, says.
OpenParts open_operand(const Operand& operand, const ModelOptions& model, const RunOptions& run);
// A segmenter of it, which also takes time to load. Throws Failure(kUsage) where it has no image
// encoder.
lasso::Segmenter make_segmenter(const Operand& operand, const RunOptions& run, OpenParts* open);

}  // namespace lasso::app

#endif  // LASSO_CLI_MODEL_OPERAND_H_
