#include "models/sam_onnx/parts.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <span>
#include <utility>

#include "core/check.h"
#include "core/checksum.h"
#include "core/memory.h"
#include "formats/text.h"
#include "models/onnx/family.h"
#include "models/program_precision.h"
#include "models/sam/describe/describe.h"
#include "models/sam/family.h"
#include "models/sam/model_file.h"
#include "models/sam/precision.h"
#include "models/sam_onnx/programs.h"

namespace lasso::sam_onnx {

namespace {

// The side of a square of pixels whose embedding has so many tokens, as in all of SAM's encoders.
std::int64_t usual_side(std::int64_t grid) { return 16 * grid; }
constexpr std::int64_t kUsualSide = 1024;

std::string file_name(const ModelSource& source) {
  return printable(std::filesystem::path(source.path()).filename().string(), 60);
}

OnnxModel read_part(const ModelSource& source, const char* what) {
  const Family& family = recognise(source);
  LASSO_CHECK(&family == &onnx::family(), ErrorCode::kInvalidArgument,
              "{}: a model of the family \"{}\", and an ONNX model is expected as the {}",
              source.path(), family.name(), what);
  return onnx::read_model(source);
}

using Values = std::vector<OnnxValueInfo>;

std::string names_in(const Values& values) {
  std::vector<std::string> names;
  for (const OnnxValueInfo& value : values) names.push_back(printable(value.name, 60));
  return fmt::format("{}", fmt::join(names, ", "));
}

// Where a role's value stands: among the inputs or outputs of a model, if there is that model.
struct Place {
  const OnnxModel* model = nullptr;
  bool is_output = false;

  const Values& values() const { return is_output ? model->graph.outputs : model->graph.inputs; }
};

// Throws kInvalidArgument for a stated name that no value has where its role has one.
void check_stated(const StatedRoles& stated, std::span<const OnnxModel> encoders,
                  const OnnxModel* decoder) {
  const auto places_of = [&](Role role) -> std::vector<Place> {
    switch (role) {
      case Role::kImage:
        return {{encoders.empty() ? nullptr : &encoders.front(), false}};
      case Role::kEmbeddings:
        return {{encoders.empty() ? nullptr : &encoders.back(), true}, {decoder, false}};
      case Role::kLowRes:
      case Role::kMasks:
      case Role::kIou:
        return {{decoder, true}};
      default:
        return {{decoder, false}};
    }
  };
  for (const auto& [role, name] : stated) {
    bool is_there = false;
    std::vector<std::string> known;
    for (const Place& place : places_of(role)) {
      if (place.model == nullptr) continue;
      is_there |= std::any_of(place.values().begin(), place.values().end(),
                              [&wanted = name](const auto& value) { return value.name == wanted; });
      known.push_back(fmt::format("{} {} {}", place.model->path,
                                  place.is_output ? "gives" : "takes", names_in(place.values())));
    }
    LASSO_CHECK(!known.empty(), ErrorCode::kInvalidArgument,
                "{} is said to be \"{}\", and no ONNX model that has it is given", name_of(role),
                printable(name, 60));
    LASSO_CHECK(is_there, ErrorCode::kInvalidArgument,
                "{} is said to be \"{}\", and no model has such a value: {}", name_of(role),
                printable(name, 60), fmt::join(known, "; "));
  }
}

class PartsDescription final : public ModelDescription {
 public:
  PartsDescription(const Parts& parts, const DescribeOptions& options)
      : roles_(stated_roles(parts.roles)) {
    LASSO_CHECK(options.fixed_inputs.empty() && options.fixed_sizes.empty(),
                ErrorCode::kInvalidArgument,
                "inputs or sizes to fix are given, and those of SAM's parts are known by their "
                "roles");
    LASSO_CHECK(parts.decoder || parts.model, ErrorCode::kInvalidArgument,
                "there is no mask decoder: give one, or a checkpoint that has one");
    LASSO_CHECK(parts.model || options.config_path.empty(), ErrorCode::kInvalidArgument,
                "ONNX models need no configuration, and {} is given beside them",
                options.config_path);
    read(parts, options);
    add_encoder(options.preprocess);
    add_decoder();
    finish(options.preprocess);
  }

  engine::ModelRecord record() const override {
    return sam::record_of(info_, preprocess_preset(preprocess_), hash_, decoder_hash_);
  }
  graph::Module programs() const override { return module_; }
  std::uint64_t build_memory(bool into_file) const override {
    std::uint64_t bytes = resident_bytes() + 64 * kMiB;
    for (const OnnxModel& model : models_) {
      bytes += (into_file ? 2 : 3) * onnx::weight_bytes(model);
    }
    return bytes + (checkpoint_ ? sam::build_memory(*checkpoint_, into_file) : 0);
  }
  // The encoder's layers as those of any imported model; the decoder's stay float32 unless they
  // are a checkpoint's.
  quant::PrecisionPlan precision_plan(Precision precision,
                                      const engine::CompileOptions& options) const override {
    LASSO_CHECK(precision != Precision::kAuto, ErrorCode::kInvalidArgument,
                "precision auto is chosen by calibration, which models in parts do not have; "
                "expected fp32, fp16, bf16 or int8");
    quant::PrecisionPlan plan;
    if (checkpoint_) {
      plan = sam::precision_plan(checkpoint_->config, precision, options.target, options.reference);
    }
    for (const graph::Graph& program : module_.programs) {
      if (program.name != sam::kImageEncoder || encoder_count_ == 0) continue;
      quant::PrecisionPlan more =
          program_precision(program, precision, options.target, options.reference);
      plan.layers.merge(more.layers);
      plan.window_attention = more.window_attention;
      plan.attention = more.attention;
    }
    return plan;
  }

  // With another runtime for the ONNX models.
  Model compile_foreign(engine::CompileOptions options, const std::string& runtime,
                        const std::string& provider) const {
    auto foreign = std::make_shared<sam::ForeignParts>();
    foreign->runtime = runtime;
    foreign->provider = provider;
    graph::Module module;
    module.splits = module_.splits;
    for (const graph::Graph& program : module_.programs) {
      const auto models = places_.find(program.name);
      if (models == places_.end()) {
        module.programs.push_back(program);
        continue;
      }
      CutProgram cut = cut_program(program, models->second);
      module.programs.push_back(std::move(cut.before));
      module.programs.push_back(std::move(cut.after));
      foreign->programs.emplace(program.name, std::move(cut.program));
      std::erase_if(module.splits,
                    [&](const graph::Split& split) { return split.program == program.name; });
    }
    options.precision = {};
    auto model = std::make_shared<sam::SamModel>();
    model->config = sam::config_of(info_, info_.name);
    model->interface =
        sam::interface_of(find_program(sam::kImageEncoder), find_program(sam::kMaskDecoder),
                          find_program(sam::kMaskDecoderWithMask) != nullptr);
    model->preprocess = preprocess_preset(preprocess_);
    model->hash = hash_;
    model->decoder_hash = decoder_hash_;
    model->parameters = static_cast<std::uint64_t>(info_.parameters);
    model->module = engine::compile(std::move(module), options);
    model->parts = info_.name;
    model->foreign = std::move(foreign);
    engine::ModelRecord own = record();
    own.precision = model->precision;
    return {&sam::family(), std::move(own), model->module, model};
  }

 private:
  const graph::Graph* find_program(const char* name) const {
    const auto program =
        std::find_if(module_.programs.begin(), module_.programs.end(),
                     [&](const graph::Graph& known) { return known.name == name; });
    return program == module_.programs.end() ? nullptr : &*program;
  }

  void read(const Parts& parts, const DescribeOptions& options) {
    std::vector<std::string> names;
    for (const ModelSource& source : parts.encoders) {
      models_.push_back(read_part(source, "image encoder"));
      names.push_back(file_name(source));
    }
    encoder_count_ = models_.size();
    if (parts.decoder) {
      models_.push_back(read_part(*parts.decoder, "mask decoder"));
      names.push_back(file_name(*parts.decoder));
    }
    for (const OnnxModel& model : models_) info_.parameters += onnx::parameter_count(model);
    if (parts.model) {
      checkpoint_ = sam::checkpoint_of(*parts.model, options, "a decoder for ONNX encoders");
      names.push_back(file_name(*parts.model));
      info_.parameters += sam::parameter_count(checkpoint_->config);
    }
    hash_ = hash_of(0);
    decoder_hash_ = has_onnx_decoder() ? hash_of(encoder_count_) : sam::fingerprint(*checkpoint_);
    info_.name = fmt::format("{}", fmt::join(names, " + "));
    check_stated(roles_, std::span(models_).first(encoder_count_),
                 has_onnx_decoder() ? &models_.back() : nullptr);
    if (has_onnx_decoder()) shape_ = decoder_shape(models_.back(), roles_);
    if (checkpoint_) module_ = sam::describe(*checkpoint_);
  }

  // Of all but the first models, with the roles of their values.
  std::string hash_of(std::size_t first) const {
    Checksum sum;
    for (std::size_t i = first; i < models_.size(); ++i) {
      sum.update(onnx::hash_of(models_[i], {}, {}));
    }
    if (checkpoint_) sum.update(sam::fingerprint(*checkpoint_));
    for (const auto& [role, name] : roles_) {
      if (role == Role::kImage && first > 0) continue;  // the decoder has none
      sum.update(fmt::format("{}={};", name_of(role), name));
    }
    return to_hex(sum.digest());
  }

  bool has_onnx_decoder() const { return models_.size() > encoder_count_; }

  void drop_program(const char* name) {
    std::erase_if(module_.programs,
                  [&](const graph::Graph& program) { return program.name == name; });
  }

  void add_encoder(const std::string& preprocess) {
    if (encoder_count_ == 0) {
      info_.image_size =
          checkpoint_ ? checkpoint_->config.image_size : static_cast<int>(usual_side(shape_->grid));
      if (!checkpoint_) return;
      info_.grid = checkpoint_->config.grid();
      info_.channels = checkpoint_->config.prompt_dim;
      return;
    }
    const std::int64_t side = checkpoint_ ? checkpoint_->config.image_size
                              : shape_    ? usual_side(shape_->grid)
                                          : kUsualSide;
    const std::vector<OnnxModel> encoders(
        models_.begin(), models_.begin() + static_cast<std::ptrdiff_t>(encoder_count_));
    EncoderProgram encoder = encoder_program(encoders, side, roles_, preprocess);
    places_[sam::kImageEncoder] = encoder.models;
    info_.image_size = static_cast<int>(encoder.image_size);
    info_.grid = static_cast<int>(encoder.grid);
    info_.channels = static_cast<int>(encoder.channels);
    preprocess_ = encoder.preprocess;
    drop_program(sam::kImageEncoder);
    module_.programs.insert(module_.programs.begin(), std::move(encoder.program));
  }

  void check_embedding(const std::string& decoder, std::int64_t grid, std::int64_t channels) {
    LASSO_CHECK(info_.grid == 0 || (info_.grid == grid && info_.channels == channels),
                ErrorCode::kInvalidArgument,
                "{}: it takes an embedding of {} channels of {}x{}, and the image encoder gives {} "
                "of {}x{}",
                decoder, channels, grid, grid, info_.channels, info_.grid, info_.grid);
    info_.grid = static_cast<int>(grid);
    info_.channels = static_cast<int>(channels);
  }

  void add_decoder() {
    if (!has_onnx_decoder()) {
      const sam::SamConfig& config = checkpoint_->config;
      check_embedding("the checkpoint's decoder", config.grid(), config.prompt_dim);
      LASSO_CHECK(info_.image_size == config.image_size, ErrorCode::kInvalidArgument,
                  "the checkpoint's decoder is for squares of {} pixels, and the image encoder "
                  "takes {}",
                  config.image_size, info_.image_size);
      info_.masks = config.num_mask_tokens();
      return;
    }
    const OnnxModel& model = models_.back();
    check_embedding(model.path, shape_->grid, shape_->channels);
    module_.splits.clear();
    drop_program(sam::kMaskDecoder);
    drop_program(sam::kMaskDecoderWithMask);
    DecoderProgram decoder = decoder_program(model, *shape_, info_.image_size, false, roles_);
    places_[sam::kMaskDecoder] = {decoder.model};
    info_.masks = static_cast<int>(decoder.masks);
    module_.programs.push_back(std::move(decoder.program));
    module_.splits.push_back({sam::kMaskDecoder, sam::kImageTokens, {"image_embeddings"}});
    if (!shape_->inputs.mask_input) return;
    decoder = decoder_program(model, *shape_, info_.image_size, true, roles_);
    places_[sam::kMaskDecoderWithMask] = {decoder.model};
    module_.programs.push_back(std::move(decoder.program));
  }

  void finish(const std::string& preprocess) {
    if (!preprocess.empty()) preprocess_ = preprocess;
    if (preprocess_.empty()) preprocess_ = shape_ ? shape_->preprocess : "sam";
    preprocess_preset(preprocess_);  // throws if unknown
    LASSO_CHECK(info_.image_size % info_.grid == 0, ErrorCode::kUnsupported,
                "{}: an image of {} pixels gives an embedding of {} tokens a side, which do not "
                "divide it",
                info_.name, info_.image_size, info_.grid);
    sam::config_of(info_, info_.name);
  }

  StatedRoles roles_;
  std::vector<OnnxModel> models_;  // encoders, and a decoder
  std::size_t encoder_count_ = 0;
  std::optional<sam::SamCheckpoint> checkpoint_;
  std::optional<DecoderShape> shape_;  // of an ONNX decoder
  graph::Module module_;
  std::map<std::string, std::vector<ModelPlace>> places_;  // by program
  sam::ImportedParts info_;
  std::string preprocess_;
  std::string hash_;
  std::string decoder_hash_;
};

}  // namespace

std::unique_ptr<const ModelDescription> describe_parts(const Parts& parts,
                                                       const DescribeOptions& options) {
  return std::make_unique<PartsDescription>(parts, options);
}

Model describe_foreign(const Parts& parts, const DescribeOptions& options,
                       const engine::CompileOptions& compile, const std::string& runtime,
                       const std::string& provider) {
  LASSO_CHECK(!parts.encoders.empty() || parts.decoder, ErrorCode::kInvalidArgument,
              "{}: the runtime \"{}\" runs ONNX models, and there is none",
              parts.model ? parts.model->path() : "no model", runtime);
  return PartsDescription(parts, options).compile_foreign(compile, runtime, provider);
}

}  // namespace lasso::sam_onnx
