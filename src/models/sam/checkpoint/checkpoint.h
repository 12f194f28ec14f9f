// A SAM checkpoint: read, recognised, renamed to Meta's parameter names and validated.
#ifndef LASSO_MODELS_SAM_CHECKPOINT_CHECKPOINT_H_
#define LASSO_MODELS_SAM_CHECKPOINT_CHECKPOINT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "formats/weights.h"
#include "models/sam/checkpoint/config.h"

namespace lasso::sam {

struct ExpectedTensor {
  std::string name;
  Dims dims;
};

// Every parameter of a model with this configuration, by Meta's names and with PyTorch's shapes.
std::vector<ExpectedTensor> expected_tensors(const SamConfig& config);

// The number of parameters: the elements of expected_tensors.
std::int64_t parameter_count(const SamConfig& config);

struct SamCheckpoint {
  SamConfig config;
  Weights weights;  // exactly the tensors of expected_tensors(config), of real numbers
};

// Of the weights and the configuration: 32 hexadecimal digits.
std::string fingerprint(const SamCheckpoint& checkpoint);

// If the tensors are not a SAM model's, a clause that says what they are; none if they have SAM's
// names, be they an adapter's that make_sam_checkpoint() refuses.
std::optional<std::string> other_model(const Weights& weights);

// Reads a checkpoint as read_checkpoint() does. Prefixes such as "model." and wrappers in names
// such as "module." are looked through, what stands beside the model is left out (and listed on
// LogLevel::kInfo), Hugging Face's names are translated, tables of relative positions are
// interpolated as Meta's code does where a configuration file asks for other lengths. `config_path`
// (empty: none) is what read_config_override reads. Throws kNotFound, kCorruptFile (tensors
// missing, surplus or misshapen: the first five are named), kUnsupported (another model's
// checkpoint, or two models).
SamCheckpoint load_sam_checkpoint(const std::string& path, const std::string& config_path = {});

// The same for tensors that are already read, under the names of the file.
SamCheckpoint make_sam_checkpoint(const Weights& weights, const std::string& config_path);
SamCheckpoint make_sam_checkpoint(const Weights& weights, const SamConfigOverride& stated = {});

// One parameter of a random model: weights are normal with the deviation that keeps activations
// finite through any depth, norms are the identity, biases are small. The same seed gives the same
// values on any machine.
Tensor random_tensor(const ExpectedTensor& tensor, std::uint64_t seed);

// A whole model in memory, made on all threads.
Weights random_weights(const SamConfig& config, std::uint64_t seed);

}  // namespace lasso::sam

#endif  // LASSO_MODELS_SAM_CHECKPOINT_CHECKPOINT_H_
