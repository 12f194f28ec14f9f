#include "models/sam/family.h"

#include <utility>

#include "core/check.h"
#include "models/sam/checkpoint/checkpoint.h"
#include "models/sam/describe/describe.h"
#include "models/sam/model_file.h"
#include "models/sam/precision.h"

namespace lasso::sam {

namespace {

class SamDescription final : public ModelDescription {
 public:
  SamDescription(SamCheckpoint checkpoint, Preprocess preprocess)
      : checkpoint_(std::move(checkpoint)), preprocess_(std::move(preprocess)) {}

  engine::ModelRecord record() const override {
    return record_of(checkpoint_.config, preprocess_, fingerprint(checkpoint_));
  }
  graph::Module programs() const override { return sam::describe(checkpoint_); }
  std::uint64_t build_memory(bool into_file) const override {
    return sam::build_memory(checkpoint_, into_file);
  }
  quant::PrecisionPlan precision_plan(Precision precision,
                                      const engine::CompileOptions& options) const override {
    return sam::precision_plan(checkpoint_.config, precision, options.target, options.reference);
  }

 private:
  SamCheckpoint checkpoint_;
  Preprocess preprocess_;
};

// What the user says, or what stands in the model's folder.
std::string config_of(const ModelSource& source, const DescribeOptions& options) {
  return options.config_path.empty() ? folder_config(source.folder()) : options.config_path;
}

SamConfig published(const std::string& architecture) {
  if (architecture == "vit_b") return vit_b();
  if (architecture == "vit_l") return vit_l();
  if (architecture == "vit_h") return vit_h();
  fail(ErrorCode::kInvalidArgument, "architecture \"{}\": expected vit_b, vit_l or vit_h",
       architecture);
}

class SamFamily final : public Family {
 public:
  std::string name() const override { return kFamily; }

  Recognition recognise(const ModelSource& source) const override {
    if (!source.is_checkpoint()) return {};
    const auto other = other_model(source.weights());
    return {!other, other.value_or("")};
  }

  std::unique_ptr<const ModelDescription> describe(const ModelSource& source,
                                                   const DescribeOptions& options) const override {
    LASSO_CHECK(options.fixed_inputs.empty() && options.fixed_sizes.empty(),
                ErrorCode::kInvalidArgument,
                "{}: inputs and sizes of ONNX models can be fixed, and this is a checkpoint of SAM",
                source.path());
    return std::make_unique<SamDescription>(
        make_sam_checkpoint(source.weights(), config_of(source, options)), preprocess_of(options));
  }

  std::shared_ptr<const void> load(const engine::LoadedEngine& engine,
                                   const std::string& source) const override {
    return std::make_shared<const SamModel>(read_model(engine, source));
  }

  void info(const Model& model, EngineInfo& info) const override {
    const SamModel& own = *model_of(model, "");
    const SamConfig& config = own.config;
    info.model = own.parts.empty() ? model_name(config) : "SAM of " + own.parts;
    info.preprocess = own.preprocess.name;
    info.parameters = own.parameters;
    SamInfo& sam = info.sam.emplace();
    sam.image_size = config.image_size;
    sam.patch_size = config.patch_size;
    sam.embed_dim = config.embed_dim;
    sam.depth = config.depth;
    sam.num_heads = config.num_heads;
    sam.window_size = config.window_size;
    sam.global_blocks = config.global_blocks;
    sam.prompt_dim = config.prompt_dim;
    sam.candidates = static_cast<int>(own.candidates());
    sam.has_encoder = own.interface.encoder;
    sam.takes_mask = own.interface.mask_input;
  }

  std::vector<std::string> architectures() const override { return {"vit_b", "vit_l", "vit_h"}; }

  std::unique_ptr<const ModelDescription> random(const std::string& architecture,
                                                 std::uint64_t seed,
                                                 const DescribeOptions& options) const override {
    const SamConfig config = published(architecture);
    return std::make_unique<SamDescription>(SamCheckpoint{config, random_weights(config, seed)},
                                            preprocess_of(options));
  }
};

}  // namespace

const Family& family() {
  static const SamFamily instance;
  return instance;
}

Preprocess preprocess_of(const DescribeOptions& options) {
  return preprocess_preset(options.preprocess.empty() ? "sam" : options.preprocess);
}

SamCheckpoint checkpoint_of(const ModelSource& source, const DescribeOptions& options,
                            const std::string& work) {
  const Family& found = recognise(source);
  LASSO_CHECK(&found == &family(), ErrorCode::kUnsupported,
              "{}: a model of the family \"{}\", and {} needs one of \"{}\"", source.path(),
              found.name(), work, kFamily);
  return make_sam_checkpoint(source.weights(), config_of(source, options));
}

std::shared_ptr<const SamModel> model_of(const Model& model, const std::string& user) {
  LASSO_CHECK(model.family == &family(), ErrorCode::kUnsupported,
              "the engine's model is of the family \"{}\", and {} runs \"{}\" only; give a SAM "
              "checkpoint or its engine file, or run this model's tensors with lasso::Runner "
              "(lasso run)",
              model.family->name(), user, kFamily);
  return std::static_pointer_cast<const SamModel>(model.state);
}

}  // namespace lasso::sam
