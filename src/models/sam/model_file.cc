#include "models/sam/model_file.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "core/check.h"
#include "core/checksum.h"
#include "core/json_fields.h"
#include "core/memory.h"
#include "engine/file/engine_file.h"
#include "models/accuracy.h"
#include "models/sam/checkpoint/config_fields.h"
#include "models/sam/describe/describe.h"

namespace lasso {

inline const EnumNames<Preprocess::Resize>& names_of(EnumTag<Preprocess::Resize> /*tag*/) {
  using Resize = Preprocess::Resize;
  static const EnumNames<Resize> names{{Resize::kLongestSide, "longest_side"},
                                       {Resize::kStretch, "stretch"},
                                       {Resize::kNone, "none"}};
  return names;
}

inline const EnumNames<Preprocess::Padding>& names_of(EnumTag<Preprocess::Padding> /*tag*/) {
  using Padding = Preprocess::Padding;
  static const EnumNames<Padding> names{{Padding::kRightBottom, "right_bottom"},
                                        {Padding::kCenter, "center"}};
  return names;
}

inline const EnumNames<Preprocess::Scale>& names_of(EnumTag<Preprocess::Scale> /*tag*/) {
  using Scale = Preprocess::Scale;
  static const EnumNames<Scale> names{
      {Scale::kMeanStd, "mean_std"}, {Scale::kMinMax, "min_max"}, {Scale::kUnit, "unit"}};
  return names;
}

inline const EnumNames<Preprocess::MaskResize>& names_of(EnumTag<Preprocess::MaskResize> /*tag*/) {
  using MaskResize = Preprocess::MaskResize;
  static const EnumNames<MaskResize> names{{MaskResize::kThroughModel, "through_model"},
                                           {MaskResize::kProbabilities, "probabilities"}};
  return names;
}

inline const EnumNames<ResizeFilter>& names_of(EnumTag<ResizeFilter> /*tag*/) {
  static const EnumNames<ResizeFilter> names{{ResizeFilter::kBilinear, "bilinear"},
                                             {ResizeFilter::kBicubic, "bicubic"}};
  return names;
}

template <class V>
void fields(V& v, Preprocess& preprocess) {
  v("name", preprocess.name);
  v("resize", preprocess.resize);
  v("filter", preprocess.filter);
  v("padding", preprocess.padding);
  v("pad_value", preprocess.pad_value);
  v("scale", preprocess.scale);
  v("mean", preprocess.mean);
  v("std", preprocess.std);
  v("mask_resize", preprocess.mask_resize);
}

namespace sam {

template <class V>
void fields(V& v, ImportedParts& parts) {
  v("name", parts.name);
  v("image_size", parts.image_size);
  v("grid", parts.grid);
  v("channels", parts.channels);
  v("masks", parts.masks);
  v("parameters", parts.parameters);
}

template <class V>
void fields(V& v, SamConfig& config) {
  for (const IntegerField& field : kIntegerFields) v(field.name.data(), config.*field.member);
  for (const FloatField& field : kFloatFields) v(field.name.data(), config.*field.member);
  v("global_blocks", config.global_blocks);
  v("rel_pos", config.rel_pos);
}

namespace {

Preprocess read_preprocess(const Json& json, const std::string& where) {
  auto preprocess = read_fields<Preprocess>(json, where);
  const bool divides = std::all_of(preprocess.std.begin(), preprocess.std.end(),
                                   [](float deviation) { return deviation > 0; });
  LASSO_CHECK(divides, ErrorCode::kCorruptFile, "{}: a deviation is not positive", where);
  // Saved embeddings carry the name.
  LASSO_CHECK(preprocess.name.size() <= 32 && preprocess.name.find(' ') == std::string::npos,
              ErrorCode::kCorruptFile, "{}: its name is \"{}\"", where, preprocess.name);
  return preprocess;
}

struct Argument {
  std::string name;
  DType dtype;
  graph::Shape shape;
};

struct Signature {
  std::string program;
  std::vector<Argument> inputs;
  std::vector<Argument> outputs;
  std::vector<std::string> symbols;
};

// The results of the program image_tokens, whatever they are: float32, of known shapes, and what
// the decoder reads.
std::vector<Argument> image_tokens(const engine::CompiledModule& module) {
  std::vector<Argument> results;
  for (const engine::CompiledProgram& program : module.programs) {
    if (program.graph.name != kImageTokens) continue;
    for (const graph::ValueId id : program.graph.outputs) {
      const graph::Value& value = program.graph.value(id);
      results.push_back({value.name, DType::kF32, value.shape});
    }
  }
  return results;
}

const graph::Graph* find_program(const engine::CompiledModule& module, const char* name) {
  for (const engine::CompiledProgram& program : module.programs) {
    if (program.graph.name == name) return &program.graph;
  }
  return nullptr;
}

// Dimension `axis` of input `input`, counted from the last one for a number below 0.
std::optional<graph::Dim> input_size(const graph::Graph* graph, int input, std::size_t axis) {
  if (graph == nullptr) return std::nullopt;
  const auto inputs = static_cast<int>(graph->inputs.size());
  const int at = input < 0 ? inputs + input : input;
  if (at < 0 || at >= inputs) return std::nullopt;
  const graph::Shape& shape = graph->value(graph->inputs[static_cast<std::size_t>(at)]).shape;
  return axis < shape.size() ? std::optional(shape[axis]) : std::nullopt;
}

// check_programs() looks at the rest.
SamInterface interface_of_module(const engine::CompiledModule& module) {
  return interface_of(find_program(module, kImageEncoder), find_program(module, kMaskDecoder),
                      find_program(module, kMaskDecoderWithMask) != nullptr);
}

// The programs as describe.h lists them.
std::vector<Signature> signatures(const engine::CompiledModule& module, const SamConfig& config,
                                  const SamInterface& interface) {
  using graph::Dim;
  const Dim batch = interface.images ? Dim::symbol("batch") : Dim(1);
  const Dim prompts = interface.prompts ? Dim::symbol("prompts") : Dim(1);
  const Dim points = interface.points == 0 ? Dim::symbol("points") : Dim(interface.points);
  const std::int64_t size = config.image_size;
  const std::int64_t grid = config.grid();
  const std::int64_t masks = config.num_mask_tokens();
  const std::int64_t dim = config.prompt_dim;
  std::vector<std::string> open;
  if (interface.prompts) open.emplace_back("prompts");
  if (interface.points == 0) open.emplace_back("points");
  Signature encoder{kImageEncoder,
                    {{"image", DType::kF32, {batch, size, size, 3}}},
                    {{"image_embeddings", DType::kF32, {batch, grid, grid, dim}}},
                    {}};
  if (interface.images) encoder.symbols = {"batch"};
  const Argument embeddings{"image_embeddings", DType::kF32, {1, grid, grid, dim}};
  Signature tokens{kImageTokens, {embeddings}, image_tokens(module), {}};
  Signature decoder{kMaskDecoder,
                    {{"point_coords", DType::kF32, {prompts, points, 2}},
                     {"point_labels", DType::kI32, {prompts, points}}},
                    {{"low_res_logits", DType::kF32, {prompts, masks, 4 * grid, 4 * grid}},
                     {"iou_predictions", DType::kF32, {prompts, masks}}},
                    open};
  Signature with_mask = decoder;
  with_mask.program = kMaskDecoderWithMask;
  with_mask.inputs.insert(with_mask.inputs.begin(), embeddings);
  with_mask.inputs.push_back({"mask_input", DType::kF32, {prompts, 4 * grid, 4 * grid, 1}});
  decoder.inputs.insert(decoder.inputs.begin(), tokens.outputs.begin(), tokens.outputs.end());
  std::vector<Signature> all;
  if (interface.encoder) all.push_back(std::move(encoder));
  all.push_back(std::move(tokens));
  all.push_back(std::move(decoder));
  if (interface.mask_input) all.push_back(std::move(with_mask));
  return all;
}

bool has_arguments(const graph::Graph& graph, const std::vector<graph::ValueId>& ids,
                   const std::vector<Argument>& expected) {
  if (ids.size() != expected.size()) return false;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const graph::Value& value = graph.value(ids[i]);
    if (value.dtype != expected[i].dtype || value.shape != expected[i].shape) return false;
  }
  return true;
}

// Throws kCorruptFile unless the module has exactly the programs of describe() with their inputs
// and outputs, which a Predictor reads and writes.
void check_programs(const engine::CompiledModule& module, const SamConfig& config,
                    const SamInterface& interface) {
  const std::vector<Signature> expected = signatures(module, config, interface);
  LASSO_CHECK(module.programs.size() == expected.size(), ErrorCode::kCorruptFile,
              "{} programs, and {} are expected", module.programs.size(), expected.size());
  for (const Signature& signature : expected) {
    const auto program =
        std::find_if(module.programs.begin(), module.programs.end(),
                     [&](const auto& p) { return p.graph.name == signature.program; });
    LASSO_CHECK(program != module.programs.end(), ErrorCode::kCorruptFile, "there is no program {}",
                signature.program);
    const graph::Graph& graph = program->graph;
    LASSO_CHECK(has_arguments(graph, graph.inputs, signature.inputs) &&
                    has_arguments(graph, graph.outputs, signature.outputs) &&
                    program->symbols == signature.symbols,
                ErrorCode::kCorruptFile,
                "program {} has other inputs and outputs than its configuration asks for",
                signature.program);
  }
}

void read_parts_of(FieldReader& description, SamModel& model, const std::string& path) {
  const auto parts =
      read_fields<ImportedParts>(description.at("parts"), description.where("parts"));
  model.config = config_of(parts, path);
  model.parameters = static_cast<std::uint64_t>(parts.parameters);
  model.parts = parts.name;
  if (!description.has("decoder_hash")) return;
  const std::string where = description.where("decoder_hash");
  read_value(description.at("decoder_hash"), model.decoder_hash, where);
  LASSO_CHECK(model.decoder_hash.size() == 2 * sizeof(Digest), ErrorCode::kCorruptFile,
              "{} is \"{}\", and no hash", where, model.decoder_hash);
}

SamModel read_record(const engine::LoadedEngine& engine, const std::string& path) {
  const std::string where = path + ": meta.model";
  const Json json = parse_json(engine.model.description, where);
  FieldReader description(json, where);
  SamModel model;
  if (description.has("parts")) {
    read_parts_of(description, model, path);
  } else {
    model.config = read_fields<SamConfig>(description.at("config"), description.where("config"));
    check_config(model.config, path);
    model.parameters = static_cast<std::uint64_t>(parameter_count(model.config));
  }
  model.preprocess = read_preprocess(description.at("preprocess"), description.where("preprocess"));
  description.finish();
  if (!engine.model.accuracy.empty()) {
    model.accuracy = accuracy_from_json(engine.model.accuracy, path + ": meta.accuracy");
  }
  model.hash = engine.model.hash;
  model.precision = engine.model.precision;
  model.module = engine.module;
  model.interface = interface_of_module(*model.module);
  check_programs(*model.module, model.config, model.interface);
  return model;
}

engine::ModelRecord record_of(Json description, const Preprocess& preprocess,
                              const std::string& hash) {
  description["preprocess"] = write_fields(preprocess);
  engine::ModelRecord record;
  record.family = kFamily;
  record.hash = hash;
  record.description = description.dump();
  return record;
}

}  // namespace

SamInterface interface_of(const graph::Graph* encoder, const graph::Graph* decoder,
                          bool has_mask_decoder) {
  constexpr std::int64_t kMostPoints = 1 << 10;
  const graph::Dim one = 1;
  SamInterface interface;
  interface.encoder = encoder != nullptr;
  interface.mask_input = has_mask_decoder;
  interface.images = input_size(encoder, 0, 0) != one;
  interface.prompts = input_size(decoder, -1, 0) != one;
  const graph::Dim points = input_size(decoder, -1, 1).value_or(0);
  if (points.is_constant() && points.constant() >= 1 && points.constant() <= kMostPoints) {
    interface.points = static_cast<int>(points.constant());
  }
  return interface;
}

engine::ModelRecord record_of(const SamConfig& config, const Preprocess& preprocess,
                              const std::string& hash) {
  return record_of(Json{{"config", write_fields(config)}}, preprocess, hash);
}

engine::ModelRecord record_of(const ImportedParts& parts, const Preprocess& preprocess,
                              const std::string& hash, const std::string& decoder_hash) {
  return record_of(Json{{"parts", write_fields(parts)}, {"decoder_hash", decoder_hash}}, preprocess,
                   hash);
}

SamConfig config_of(const ImportedParts& parts, const std::string& source) {
  const auto in_range = [&](const char* what, int value, int low, int high) {
    LASSO_CHECK(value >= low && value <= high, ErrorCode::kCorruptFile,
                "{}: {} is {}, and {} to {} is supported", source, what, value, low, high);
  };
  in_range("grid", parts.grid, 1, 1024);
  in_range("image_size", parts.image_size, parts.grid, 16384);
  in_range("channels", parts.channels, 1, 65536);
  in_range("masks", parts.masks, 1, 256);
  LASSO_CHECK(parts.image_size % parts.grid == 0, ErrorCode::kCorruptFile,
              "{}: an image of {} pixels is no multiple of {} tokens", source, parts.image_size,
              parts.grid);
  LASSO_CHECK(parts.parameters >= 0, ErrorCode::kCorruptFile, "{}: {} parameters", source,
              parts.parameters);
  SamConfig config;
  config.image_size = parts.image_size;
  config.patch_size = parts.image_size / parts.grid;
  config.prompt_dim = parts.channels;
  config.num_multimask_outputs = parts.masks - 1;
  config.window_size = 0;
  return config;
}

engine::ModelRecord record_of(const SamModel& model) {
  engine::ModelRecord record = record_of(model.config, model.preprocess, model.hash);
  record.precision = model.precision;
  if (model.accuracy) record.accuracy = accuracy_to_json(*model.accuracy);
  return record;
}

SamModel read_model(const engine::LoadedEngine& engine, const std::string& source) {
  try {
    return read_record(engine, source);
  } catch (const Error& error) {
    if (std::string_view(error.what()).substr(0, source.size()) == source) throw;
    fail(ErrorCode::kCorruptFile, "{}: {}", source, error.what());
  }
}

std::uint64_t build_memory(const SamCheckpoint& checkpoint, bool into_file) {
  // Graphs, oneDNN's code, buffers of files.
  constexpr std::uint64_t kRest = 48 * kMiB;
  std::uint64_t all = 0;
  std::uint64_t largest = 0;
  std::uint64_t copied = 0;  // tensors that do not lie dense in the file are copied beforehand
  for (const auto& [name, tensor] : checkpoint.weights.tensors()) {
    const std::uint64_t packed = tensor.dense_bytes() / size_of(tensor.dtype) * sizeof(float);
    all += packed;
    largest = std::max(largest, packed);
    if (!tensor.lies_dense()) copied += tensor.dense_bytes();
  }
  // Of one layer at a time: the file's pages, its elements as float32, and these packed. Packing
  // pads: a tenth is more than it adds.
  const std::uint64_t packed = into_file ? 0 : all + all / 10;
  return resident_bytes() + kRest + copied + 3 * largest + packed;
}

}  // namespace sam

}  // namespace lasso
