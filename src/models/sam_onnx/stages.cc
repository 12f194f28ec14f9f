#include "models/sam_onnx/stages.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "core/checksum.h"
#include "core/convert.h"
#include "formats/text.h"
#include "graph/multiple.h"
#include "models/onnx/family.h"
#include "models/sam/describe/describe.h"
#include "models/sam/family.h"
#include "models/sam/model_file.h"
#include "models/sam_onnx/adapters.h"

namespace lasso::sam_onnx {

using graph::Graph;
using graph::Shape;
using graph::Value;
using graph::ValueId;

namespace {

std::string to_text(const Value& value) {
  return fmt::format("\"{}\" {} {}", printable(value.name, 60), to_string(value.dtype),
                     graph::to_string(value.shape));
}

OpenShape open_shape(const Shape& shape) {
  OpenShape sizes;
  for (const graph::Dim& dim : shape) {
    sizes.push_back(dim.is_constant() ? std::optional(dim.constant()) : std::nullopt);
  }
  return sizes;
}

// A result of a stage, whose sizes are known.
struct Given {
  std::string name;
  DType dtype = DType::kF32;
  Dims dims;
};

class StageBuilder {
 public:
  StageBuilder(const sam::SamModel& model, const std::vector<Model>& engines)
      : model_(model), engines_(engines) {
    for (const Model& engine : engines) {
      LASSO_CHECK(engine.family == &onnx::family(), ErrorCode::kInvalidArgument,
                  "engine {} of {} of the image encoder is of the family \"{}\": one engine of the "
                  "family \"{}\" is expected, or engines of ONNX models",
                  &engine - engines.data() + 1, engines.size(), engine.family->name(),
                  sam::kFamily);
    }
  }

  std::vector<sam::EncoderStage> run() {
    add_image();
    for (std::size_t i = 1; i < engines_.size(); ++i) add_next(i);
    add_embeddings();
    return std::move(stages_);
  }

 private:
  const Graph& graph_of(std::size_t engine) const {
    return engines_[engine].module->programs.front().graph;
  }

  std::string name_of(std::size_t engine) const {
    return fmt::format("engine {} of {} of the image encoder", engine + 1, engines_.size());
  }

  void add_adapter(Graph graph) {
    graph::Module module;
    module.programs.push_back(std::move(graph));
    engine::CompileOptions options = engines_.front().module->options;
    options.precision = {};
    options.times = nullptr;
    stages_.push_back({engine::compile(std::move(module), options), 0, {}, {0}});
  }

  // The engine as a stage, with the sizes of its inputs.
  void add_stage(std::size_t engine, const std::vector<Dims>& sizes,
                 std::vector<std::size_t> inputs) {
    const Graph& graph = graph_of(engine);
    graph::Bindings bindings;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      const Value& value = graph.value(graph.inputs[i]);
      bool fits = value.shape.size() == sizes[i].size();
      for (std::size_t d = 0; fits && d < sizes[i].size(); ++d) {
        if (const auto size = graph::as_multiple(value.shape[d])) {
          bindings.try_emplace(size->symbol, sizes[i][d] / size->factor);
        }
      }
      fits = fits && graph::evaluate(value.shape, bindings) == sizes[i];
      LASSO_CHECK(fits, ErrorCode::kInvalidArgument, "{}: its input {} does not take {}",
                  name_of(engine), to_text(value), to_string(sizes[i]));
    }
    const engine::CompiledProgram& program = engines_[engine].module->programs.front();
    graph::check_bindings(name_of(engine), graph.profile, bindings);
    sam::EncoderStage stage{engines_[engine].module, 0, {}, std::move(inputs)};
    for (const std::string& symbol : program.symbols) stage.symbols.push_back(bindings.at(symbol));
    given_.clear();
    for (const ValueId id : graph.outputs) {
      const Value& value = graph.value(id);
      given_.push_back({value.name, value.dtype, graph::evaluate(value.shape, bindings)});
    }
    stages_.push_back(std::move(stage));
  }

  void add_image() {
    const Graph& graph = graph_of(0);
    const Value& value = graph.value(graph.inputs.front());
    const auto image = graph.inputs.size() == 1
                           ? image_of(open_shape(value.shape), is_real(value.dtype))
                           : std::nullopt;
    LASSO_CHECK(image, ErrorCode::kInvalidArgument,
                "{}: it takes {}{}, and one image is expected, [1, 3, side, side], "
                "[1, side, side, 3] or [height, width, 3]",
                name_of(0), to_text(value), graph.inputs.size() == 1 ? "" : " and more");
    const std::int64_t side = model_.config.image_size;
    LASSO_CHECK(image->side == 0 || image->side == side, ErrorCode::kInvalidArgument,
                "{}: it takes images of {} pixels a side, and the decoder is for {}", name_of(0),
                image->side, side);
    LASSO_CHECK(!image->is_stretched() || model_.preprocess.scale == Preprocess::Scale::kUnit,
                ErrorCode::kInvalidArgument,
                "{}: it takes images of any size, from 0 to 1, and the decoder's engine prepares "
                "them by \"{}\": build that with the preprocessing \"efficientsam\"",
                name_of(0), model_.preprocess.name);
    ProgramEditor editor{Graph()};
    const ValueId prepared = editor.input("image", DType::kF32, {1, side, side, 3});
    ValueId adapted = adapt_image(editor, prepared, *image, value.dtype, model_.preprocess);
    if (adapted != prepared) {
      // A result has memory of its own, which a reshaped value has not.
      adapted = editor.behind("image.own", graph::Expand{editor.value(adapted).shape}, {adapted});
      add_adapter(editor.take("prepare_image", {prepared}, {adapted}));
    }
    const std::vector<Dims> sizes{graph::evaluate(image_shape(*image, side), {})};
    add_stage(0, sizes, {0});
  }

  void add_next(std::size_t engine) {
    const Graph& graph = graph_of(engine);
    std::vector<Dims> sizes;
    std::vector<std::size_t> inputs;
    for (const ValueId id : graph.inputs) {
      const Value& value = graph.value(id);
      std::vector<std::size_t> fitting;
      for (std::size_t i = 0; i < given_.size(); ++i) {
        if (takes(value, given_[i])) fitting.push_back(i);
      }
      if (fitting.size() > 1) {
        std::erase_if(fitting, [&](std::size_t i) { return given_[i].name != value.name; });
      }
      std::vector<std::string> texts;
      for (const Given& result : given_) {
        texts.push_back(fmt::format("\"{}\" {} {}", printable(result.name, 60),
                                    to_string(result.dtype), to_string(result.dims)));
      }
      LASSO_CHECK(fitting.size() == 1, ErrorCode::kInvalidArgument,
                  "{}: {} of what the one before it gives can be its input {}: {}; one is "
                  "expected, by type, shape and, of several, name",
                  name_of(engine), fitting.empty() ? "nothing" : "more than one", to_text(value),
                  fmt::join(texts, ", "));
      inputs.push_back(fitting.front());
      sizes.push_back(given_[fitting.front()].dims);
    }
    add_stage(engine, sizes, std::move(inputs));
  }

  static bool takes(const Value& value, const Given& given) {
    if (value.dtype != given.dtype || value.shape.size() != given.dims.size()) return false;
    for (std::size_t i = 0; i < given.dims.size(); ++i) {
      if (value.shape[i].is_constant() && value.shape[i].constant() != given.dims[i]) return false;
    }
    return true;
  }

  void add_embeddings() {
    const std::int64_t grid = model_.config.grid();
    const Dims expected{1, model_.config.prompt_dim, grid, grid};
    std::vector<std::size_t> fitting;
    for (std::size_t i = 0; i < given_.size(); ++i) {
      if (given_[i].dims == expected && is_real(given_[i].dtype)) fitting.push_back(i);
    }
    if (fitting.size() > 1) {
      std::erase_if(fitting, [&](std::size_t i) { return given_[i].name != "image_embeddings"; });
    }
    const Graph& graph = graph_of(engines_.size() - 1);
    LASSO_CHECK(fitting.size() == 1, ErrorCode::kInvalidArgument,
                "{}: it gives {}{}, and one embedding is expected, float {}",
                name_of(engines_.size() - 1), to_text(graph.value(graph.outputs.front())),
                graph.outputs.size() == 1 ? "" : " and more", to_string(expected));
    ProgramEditor editor{Graph()};
    const ValueId planes = editor.input("planes", given_[fitting.front()].dtype,
                                        Shape(expected.begin(), expected.end()));
    add_adapter(editor.take("image_embeddings", {planes}, {adapt_embeddings(editor, planes)}));
    stages_.back().inputs = {fitting.front()};
  }

  const sam::SamModel& model_;
  const std::vector<Model>& engines_;
  std::vector<sam::EncoderStage> stages_;
  std::vector<Given> given_;  // by the last stage
};

// The encoder of another SAM model.
sam::EncoderStage own_encoder(const sam::SamModel& model, const Model& engine) {
  const auto other = sam::model_of(engine, "an image encoder");
  LASSO_CHECK(other->interface.encoder, ErrorCode::kInvalidArgument,
              "an engine that is given as an image encoder has none");
  LASSO_CHECK(other->config.image_size == model.config.image_size &&
                  other->config.grid() == model.config.grid() &&
                  other->config.prompt_dim == model.config.prompt_dim,
              ErrorCode::kInvalidArgument,
              "the image encoder makes {}x{}x{} of a {} pixel square, and the decoder takes "
              "{}x{}x{} of {}",
              other->config.grid(), other->config.grid(), other->config.prompt_dim,
              other->config.image_size, model.config.grid(), model.config.grid(),
              model.config.prompt_dim, model.config.image_size);
  LASSO_CHECK(other->preprocess.name == model.preprocess.name, ErrorCode::kInvalidArgument,
              "the image encoder's engine prepares images by \"{}\", and the decoder's by \"{}\"",
              other->preprocess.name, model.preprocess.name);
  sam::EncoderStage stage{other->module, 0, {}, {0}};
  const auto& programs = other->module->programs;
  while (programs.at(stage.program).graph.name != sam::kImageEncoder) ++stage.program;
  if (other->interface.images) stage.symbols = {1};
  return stage;
}

}  // namespace

EncodedElsewhere encode_elsewhere(const std::shared_ptr<const sam::SamModel>& model,
                                  const std::vector<Model>& engines) {
  EncodedElsewhere result;
  if (engines.size() == 1 && engines.front().family == &sam::family()) {
    result.stages.push_back(own_encoder(*model, engines.front()));
  } else {
    result.stages = StageBuilder(*model, engines).run();
  }
  auto all = std::make_shared<sam::SamModel>(*model);
  Checksum sum;
  sum.update(model->hash);
  for (const Model& engine : engines) sum.update(engine.record.hash);
  all->hash = to_hex(sum.digest());
  if (all->decoder_hash.empty()) all->decoder_hash = model->hash;
  all->interface.encoder = true;
  all->interface.images = false;
  result.model = std::move(all);
  return result;
}

}  // namespace lasso::sam_onnx
