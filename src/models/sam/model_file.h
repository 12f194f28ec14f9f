// SAM models in engine files.
#ifndef LASSO_MODELS_SAM_MODEL_FILE_H_
#define LASSO_MODELS_SAM_MODEL_FILE_H_

#include <cstdint>
#include <string>

#include "engine/file/engine_file.h"
#include "models/sam/model.h"

namespace lasso::sam {

inline constexpr char kFamily[] = "sam";

// What an engine's file says of a model: its configuration and preprocessing in the description.
// The second also has the precision and, where it was measured, the accuracy.
engine::ModelRecord record_of(const SamConfig& config, const Preprocess& preprocess,
                              const std::string& hash);
engine::ModelRecord record_of(const SamModel& model);

// The inverse. Whatever the record and the module say, the model that is returned has the programs
// that a Predictor runs, and is safe to run. Throws kCorruptFile with `source` in the message.
SamModel read_model(const engine::LoadedEngine& engine, const std::string& source);

// Writes a compiled model. The file appears complete or not at all.
void save_model(const SamModel& model, const std::string& path);

// Compiles a checkpoint into a file: weights go there as they are packed, and never lie in memory
// all at once. `precision` is the name of what `options` ask for.
void build_model_file(const SamCheckpoint& checkpoint, const Preprocess& preprocess,
                      const engine::CompileOptions& options, const std::string& precision,
                      const std::string& path);

// Maps the file of a model, for the instruction set and threads of `options`, and reads it as
// read_model() does. Throws kNotFound, kCorruptFile, kUnsupported.
SamModel load_model(const std::string& path, const engine::CompileOptions& options, bool verify);

// An upper estimate of the resident memory, in bytes, of a process that has resident what this one
// has and compiles the checkpoint, into a file or into memory.
std::uint64_t build_memory(const SamCheckpoint& checkpoint, bool into_file);

// Throws kCorruptFile unless the module has exactly the programs of describe() with their inputs
// and outputs, which a Predictor reads and writes.
void check_programs(const engine::CompiledModule& module, const SamConfig& config);

}  // namespace lasso::sam

#endif  // LASSO_MODELS_SAM_MODEL_FILE_H_
