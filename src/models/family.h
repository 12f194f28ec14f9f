// Families of models. A family knows its files, describes a model as programs, and keeps what its
// own pre- and post-processing need to know; engines, runners and engine files know nothing of it.
#ifndef LASSO_MODELS_FAMILY_H_
#define LASSO_MODELS_FAMILY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/tensor.h"
#include "engine/compile/compile.h"
#include "engine/file/engine_file.h"
#include "graph/graph.h"
#include "lasso/engine.h"
#include "models/source.h"
#include "quant/precision_plan.h"

namespace lasso {

struct Recognition {
  bool recognised = false;
  // A clause that says what the file is, or why it is none of the family's; empty: nothing to say.
  std::string reason;
};

// What a caller may say of a model that its file does not.
struct DescribeOptions {
  std::string config_path;  // of a JSON file; empty: none
  std::string preprocess;   // name of a preset; empty: the model's own
  // Values of inputs that become part of the model; see EngineOptions::fixed_inputs.
  std::map<std::string, Tensor> fixed_inputs = {};
  // Numbers in place of open sizes; see EngineOptions::fixed_sizes.
  std::map<std::string, std::int64_t> fixed_sizes = {};
};

// A model that was read and is not compiled yet. It keeps what it needs of its file.
class ModelDescription {
 public:
  virtual ~ModelDescription() = default;

  // What an engine's file says of the model. The caller fills in the precision.
  virtual engine::ModelRecord record() const = 0;

  // The programs. Their constants may be views of the file.
  virtual graph::Module programs() const = 0;

  // An upper estimate of the resident memory, in bytes, of a process that has resident what this
  // one has and compiles the programs, into a file or into memory.
  virtual std::uint64_t build_memory(bool into_file) const = 0;

  // Which layers are computed in which numbers. Throws kUnsupported for a precision that the model
  // or the instruction set does not have, and kInvalidArgument for kAuto.
  virtual quant::PrecisionPlan precision_plan(Precision precision,
                                              const engine::CompileOptions& options) const = 0;
};

class Family;

// A compiled model of any family.
struct Model {
  const Family* family = nullptr;
  engine::ModelRecord record;
  std::shared_ptr<const engine::CompiledModule> module;
  std::shared_ptr<const void> state;  // what the family's load() made of it
};

class Family {
 public:
  virtual ~Family() = default;

  // "sam": in engine files, EngineInfo and messages.
  virtual std::string name() const = 0;

  // Tells by the file's content. Throws what reading a broken file of a known kind throws.
  virtual Recognition recognise(const ModelSource& source) const = 0;

  // Reads a file that the family recognised. Throws kCorruptFile and kUnsupported for what it can't
  // use, and kInvalidArgument for options that contradict it.
  virtual std::unique_ptr<const ModelDescription> describe(
      const ModelSource& source, const DescribeOptions& options) const = 0;

  // What the family must know of a compiled model to run it, whose type is the family's secret.
  // Whatever a file says: throws kCorruptFile unless the programs are those that the record asks
  // for. `source` stands in messages.
  virtual std::shared_ptr<const void> load(const engine::LoadedEngine& engine,
                                           const std::string& source) const = 0;

  // Fills in EngineInfo::model, preprocess and parameters, and the family's own part.
  virtual void info(const Model& model, EngineInfo& info) const = 0;

  // Names of the published architectures that random() makes, and one of them with random weights.
  virtual std::vector<std::string> architectures() const { return {}; }
  virtual std::unique_ptr<const ModelDescription> random(const std::string& architecture,
                                                         std::uint64_t seed,
                                                         const DescribeOptions& options) const;
};

// The families that Lasso has, and those that were added.
const std::vector<const Family*>& families();

// Adds a family that lives as long as the process. Not while another thread uses families.
void add_family(const Family& family);

// The family that takes the file. Throws kUnsupported if none does, and what reading the file
// throws.
const Family& recognise(const ModelSource& source);

// A model of the family. What a model is built as must be what its file is loaded as: all ways to a
// model end here, in Family::load. `source` stands in messages.
Model make_model(const Family& family, engine::LoadedEngine engine, const std::string& source);

// Maps and checks an engine's file, of any family: see engine::read_engine_file, whose families are
// filled in here.
Model load_engine(const ModelSource& source, engine::ReadOptions options);

}  // namespace lasso

#endif  // LASSO_MODELS_FAMILY_H_
