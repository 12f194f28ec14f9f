#include "cli/compare/compare_side.h"

#include <optional>
#include <utility>
#include <vector>

#include "cli/compare/tensors/tensor_side.h"
#include "cli/exit_codes.h"
#include "cli/model/idle_threads.h"
#include "cli/model/operand.h"
#include "cli/model/other_runtime.h"
#include "cli/model/picture.h"
#include "common/prompts.h"
#include "core/stopwatch.h"
#include "lasso/image.h"
#include "lasso/segmenter.h"

namespace lasso::app {

namespace {

void send_values(const std::string& program, const std::string& name,
                 const std::vector<std::int64_t>& shape, const float* values, Parent* parent) {
  std::uint64_t count = 1;
  for (const std::int64_t dimension : shape) count *= static_cast<std::uint64_t>(dimension);
  parent->send(RecordKind::kTensor, {{"program", program}, {"name", name}, {"shape", shape}},
               values, count * sizeof(float));
}

OrderedJson engine_json(const EngineInfo& info, int threads) {
  // In the order in which a picture and a prompt run them.
  OrderedJson layers = OrderedJson::array();
  for (const char* name : {"image_encoder", "image_tokens", "mask_decoder"}) {
    for (const ProgramInfo& program : info.programs) {
      if (program.name != name) continue;
      for (const LayerInfo& layer : program.layers) {
        layers.push_back(program.name + "/" + layer.name);
      }
    }
  }
  return {{"picture", true},
          {"model", info.model},
          {"device", info.device},
          {"model_hash", info.model_hash},
          {"isa", info.isa},
          {"threads", threads},
          {"layers", std::move(layers)}};
}

// The user's prompt, or a point in the centre.
lasso::Prompt make_prompt(const lasso::Prompt& wanted, const Image& image) {
  lasso::Prompt prompt = wanted;
  if (prompt.points.empty() && !prompt.box) {
    prompt.points.push_back(
        {0.5F * static_cast<float>(image.width), 0.5F * static_cast<float>(image.height)});
  }
  if (const auto problem = prompt_problem(prompt, image.width, image.height)) {
    usage_error("--point: {}", *problem);
  }
  return prompt;
}

// What the sides' runs take, one after the other, when the parent asks.
void serve_time(const Image& image, const lasso::Prompt& prompt, lasso::Segmenter* segmenter,
                Parent* parent) {
  while (true) {
    parent->receive();
    const Embedding embedding = segmenter->encode(image.view());
    const double encode_ms = segmenter->last_timings().encode_ms;
    segmenter->segment(embedding, prompt);
    const double decode_ms = segmenter->last_timings().decode_ms;
    wait_for_idle_threads();
    parent->send(RecordKind::kAnswer, {{"encode_ms", encode_ms}, {"decode_ms", decode_ms}});
  }
}

void run_picture(const Image& image, const lasso::Prompt& prompt, lasso::Segmenter* segmenter,
                 Parent* parent) {
  double traced_ms = 0;
  segmenter->set_trace([&](const std::string& program, const std::string& name,
                           const std::vector<std::int64_t>& shape, const float* values, double ms) {
    traced_ms += ms;
    send_values(program, name, shape, values, parent);
  });
  Embedding embedding;
  Segmentation answer;
  try {
    with_model([&] {
      embedding = segmenter->encode(image.view());
      answer = segmenter->segment(embedding, prompt);
    });
  } catch (const lasso::Error& error) {
    if (error.code() != ErrorCode::kUnsupported) throw;
    // What is not finite has no results, and the layers so far tell where it comes from.
    parent->send(RecordKind::kEnd, {{"failure", error.what()}});
    return;
  }
  segmenter->set_trace({});

  std::vector<float> values(embedding.size());
  embedding.copy_to(values.data());
  const auto masks = static_cast<std::int64_t>(answer.masks.size());
  const int side = embedding.low_res_side();
  send_values("results", "image_embedding",
              {embedding.grid(), embedding.grid(), embedding.channels()}, values.data(), parent);
  send_values("results", "low_res_logits", {masks, side, side}, answer.low_res_logits.data(),
              parent);
  send_values("results", "iou_predictions", {masks}, answer.iou_predictions.data(), parent);
  for (const Mask& mask : answer.masks) {
    parent->send(
        RecordKind::kMask,
        {{"width", mask.width}, {"height", mask.height}, {"rle", rle_to_string(encode_rle(mask))}});
  }
  parent->send(RecordKind::kEnd, {{"traced_ms", traced_ms}});
  serve_time(image, prompt, segmenter, parent);
}

// Parts make a model of pictures.
void run_parts(const Operand& operand, const SideTask& task, const RunOptions& run,
               Parent* parent) {
  if (task.tensors) {
    usage_error("{}: runs on pictures; of models on tensors, give one file", operand.text());
  }
  const Image image = load_picture(task.image, 640, 480);
  const lasso::Prompt prompt = make_prompt(task.prompt, image);
  OpenParts open = open_operand(operand, task.model, run);
  Segmenter segmenter = make_segmenter(operand, run, &open);
  OrderedJson info = engine_json(open.model.engine.info(), segmenter.threads());
  const RuntimeSettings settings = segmenter.runtime_settings();
  if (!settings.empty()) info["isa"] = settings_text(settings);
  parent->send(RecordKind::kInfo, info);
  if (parent->receive().meta.contains(kTensors)) {
    usage_error("{}: runs on pictures, and the other model on tensors", operand.text());
  }
  run_picture(image, prompt, &segmenter, parent);
}

void run_model(const Operand& operand, const SideTask& task, Parent* parent) {
  const RunOptions run = apply_variant(operand, task.run);
  if (!operand.encoders.empty()) return run_parts(operand, task, run, parent);
  ModelOptions options = task.model;
  options.model = operand.file;
  if (task.tensors || run.runtime != "lasso") {
    parent->send(RecordKind::kInfo, {{"picture", false}});
    return serve_tensors(operand, task, run, std::nullopt, parent);
  }
  const Image image = load_picture(task.image, 640, 480);
  const lasso::Prompt prompt = make_prompt(task.prompt, image);
  OpenModel model = open_for_tensors(operand, options, run);
  if (!model.engine.info().sam) {
    parent->send(RecordKind::kInfo, {{"picture", false}});
    return serve_tensors(operand, task, run, std::move(model), parent);
  }
  Segmenter segmenter(model.engine, {run.threads});
  parent->send(RecordKind::kInfo, engine_json(model.engine.info(), segmenter.threads()));
  const OrderedJson request = parent->receive().meta;
  if (request.contains(kTensors)) {
    return serve_tensors(operand, task, run, std::move(model), parent);
  }
  run_picture(image, prompt, &segmenter, parent);
}

}  // namespace

Side::Side(const Operand& operand, const SideTask& task)
    : Child(operand.text(), [&](Parent* parent) { run_model(operand, task, parent); }) {}

}  // namespace lasso::app
