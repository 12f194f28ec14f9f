#include "cli/compare/compare_side.h"

#include <vector>

#include "cli/exit_codes.h"
#include "cli/model/picture.h"
#include "common/prompts.h"
#include "lasso/image.h"
#include "lasso/segmenter.h"

namespace lasso::app {

namespace {

void send_tensor(const std::string& program, const std::string& name,
                 const std::vector<std::int64_t>& shape, const float* values, Parent* parent) {
  std::uint64_t count = 1;
  for (const std::int64_t dimension : shape) count *= static_cast<std::uint64_t>(dimension);
  parent->send(RecordKind::kTensor, {{"program", program}, {"name", name}, {"shape", shape}},
               values, count);
}

OrderedJson engine_json(const EngineInfo& info, int threads) {
  OrderedJson layers = OrderedJson::array();
  for (const ProgramInfo& program : info.programs) {
    for (const LayerInfo& layer : program.layers) {
      layers.push_back(program.name + "/" + layer.name);
    }
  }
  return {{"model", info.model},   {"model_hash", info.model_hash},
          {"device", info.device}, {"isa", info.isa},
          {"threads", threads},    {"layers", std::move(layers)}};
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

void run_model(const Operand& operand, const SideTask& task, Parent* parent) {
  const Image image = load_picture(task.image, 640, 480);
  const lasso::Prompt prompt = make_prompt(task.prompt, image);
  const RunOptions run = apply_variant(operand, task.run);
  const OpenModel model = open_operand(operand, task.model, run);
  Segmenter segmenter(model.engine, {run.threads});
  parent->send(RecordKind::kInfo, engine_json(model.engine.info(), segmenter.threads()));

  segmenter.set_trace([&](const std::string& program, const std::string& name,
                          const std::vector<std::int64_t>& shape, const float* values,
                          double /*ms*/) { send_tensor(program, name, shape, values, parent); });
  Embedding embedding;
  Segmentation answer;
  try {
    with_model([&] {
      embedding = segmenter.encode(image.view());
      answer = segmenter.segment(embedding, prompt);
    });
  } catch (const lasso::Error& error) {
    if (error.code() != ErrorCode::kUnsupported) throw;
    // What is not finite has no results, and the layers so far tell where it comes from.
    parent->send(RecordKind::kEnd, {{"failure", error.what()}});
    return;
  }
  segmenter.set_trace({});

  std::vector<float> values(embedding.size());
  embedding.copy_to(values.data());
  const auto masks = static_cast<std::int64_t>(answer.masks.size());
  const int side = embedding.low_res_side();
  send_tensor("results", "image_embedding",
              {embedding.grid(), embedding.grid(), embedding.channels()}, values.data(), parent);
  send_tensor("results", "low_res_logits", {masks, side, side}, answer.low_res_logits.data(),
              parent);
  send_tensor("results", "iou_predictions", {masks}, answer.iou_predictions.data(), parent);
  for (const Mask& mask : answer.masks) {
    parent->send(
        RecordKind::kMask,
        {{"width", mask.width}, {"height", mask.height}, {"rle", rle_to_string(encode_rle(mask))}});
  }
  parent->send(RecordKind::kEnd, OrderedJson::object());
}

}  // namespace

Side::Side(const Operand& operand, const SideTask& task)
    : Child(operand.text(), [&](Parent* parent) { run_model(operand, task, parent); }) {}

}  // namespace lasso::app
