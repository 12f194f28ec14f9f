// SAM models in engine files.
#ifndef LASSO_MODELS_SAM_MODEL_FILE_H_
#define LASSO_MODELS_SAM_MODEL_FILE_H_

#include <cstdint>
#include <string>

#include "engine/file/engine_file.h"
#include "models/sam/model.h"

namespace lasso::sam {

inline constexpr char kFamily[] = "sam";

// A model whose encoder or decoder was imported: what its programs show of it.
struct ImportedParts {
  std::string name;    // what the parts are, for people
  int image_size = 0;  // side of the square that the encoder sees, pixels
  int grid = 0;        // side of the embedding, tokens
  int channels = 0;    // of the embedding
  int masks = 0;       // of one run of the decoder
  std::int64_t parameters = 0;
};
// Throws kCorruptFile, with `source` in the message, unless sizes are sane.
SamConfig config_of(const ImportedParts& parts, const std::string& source);
engine::ModelRecord record_of(const ImportedParts& parts, const Preprocess& preprocess,
                              const std::string& hash, const std::string& decoder_hash);

// What an engine's file says of a model: its configuration and preprocessing in the description.
// The second also has the precision and, where it was measured, the accuracy.
engine::ModelRecord record_of(const SamConfig& config, const Preprocess& preprocess,
                              const std::string& hash);
engine::ModelRecord record_of(const SamModel& model);

// The inverse. Whatever the record and the module say, the model that is returned has the programs
// that a Predictor runs, and is safe to run. Throws kCorruptFile with `source` in the message.
SamModel read_model(const engine::LoadedEngine& engine, const std::string& source);

// What a model's programs leave open; a null one is not there.
SamInterface interface_of(const graph::Graph* encoder, const graph::Graph* decoder,
                          bool has_mask_decoder);

// An upper estimate of the resident memory, in bytes, of a process that has resident what this one
// has and compiles the checkpoint, into a file or into memory.
std::uint64_t build_memory(const SamCheckpoint& checkpoint, bool into_file);

}  // namespace lasso::sam

#endif  // LASSO_MODELS_SAM_MODEL_FILE_H_
