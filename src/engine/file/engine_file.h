// Engine files: a compiled module that is loaded by mapping it. docs/engine-format.md describes the
// bytes. This room knows the programs and the weights; what a model's room must remember (its
// configuration, its preprocessing) passes through as JSON.
#ifndef LASSO_ENGINE_FILE_ENGINE_FILE_H_
#define LASSO_ENGINE_FILE_ENGINE_FILE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/compile/compile.h"

namespace lasso::engine {

struct ModelRecord {
  std::string family;       // "sam"
  std::string hash;         // of the model that the engine was built from: 32 hexadecimal digits
  std::string precision;    // "fp32", ...
  std::string description;  // a JSON object, the family's own
  std::string accuracy;     // the same; empty: nothing was measured
};

// Writes a module that holds its weights. The file appears complete or not at all.
void write_engine_file(const std::string& path, const CompiledModule& module,
                       const ModelRecord& model);

// The same for a module that `compile` makes with the sink that it is given: weights go to the file
// as they are packed.
void build_engine_file(const std::string& path, const ModelRecord& model,
                       const std::function<CompiledModule(WeightSink&)>& compile);

struct LoadedEngine {
  std::shared_ptr<const CompiledModule> module;  // its weights lie in the mapped file
  ModelRecord model;
};

// How a file is read. Threads are those of the target that kernels are chosen for; its rates are
// the file's where this processor's were measured for it, else they are measured.
struct ReadOptions {
  std::vector<std::string> families;         // that the caller knows
  CpuFeatures features = CpuFeature::kAvx2;  // that kernels may use
  int threads = 1;
  bool verify = false;
  // The GPUs that an engine for "cuda" runs on, which may throw; null refuses such engines.
  std::function<std::shared_ptr<const backend::DeviceSet>(bool tf32)> open_gpus;
};

// Maps an engine file. Header, tables, programs and description are checked in any case, the
// weights' checksum if `verify`. Kernels are chosen among those that read the weights as they are
// packed; whether they are reference kernels is the file's own choice. Throws kNotFound;
// kCorruptFile; kUnsupported for another format, device, family or instruction set, each with what
// to do.
LoadedEngine read_engine_file(const std::string& path, const ReadOptions& options);
// The same for a file that is mapped already.
LoadedEngine read_engine_file(const std::shared_ptr<const MappedFile>& file,
                              const ReadOptions& options);

}  // namespace lasso::engine

#endif  // LASSO_ENGINE_FILE_ENGINE_FILE_H_
