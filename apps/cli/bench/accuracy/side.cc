#include "cli/bench/accuracy/side.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "cli/exit_codes.h"
#include "cli/model/model.h"
#include "cli/model/other_runtime.h"
#include "common/result_json.h"
#include "lasso/image.h"
#include "lasso/segmenter.h"

namespace lasso::app {

namespace {

// Masks of one call to the decoder are in memory together.
constexpr std::size_t kMaskBytes = std::size_t{128} << 20;
constexpr std::size_t kPromptsPerCall = 16;

OrderedJson prompt_to_json(const AccuracyPrompt& prompt) {
  OrderedJson json = {{"points", OrderedJson::array()}, {"truth", prompt.truth}};
  for (const Point& point : prompt.prompt.points) {
    json["points"].push_back({point.x, point.y, static_cast<int>(point.label)});
  }
  return json;
}

AccuracyPrompt prompt_from_json(const OrderedJson& json) {
  AccuracyPrompt prompt;
  prompt.truth = json.at("truth").get<std::string>();
  for (const OrderedJson& point : json.at("points")) {
    prompt.prompt.points.push_back({point[0].get<float>(), point[1].get<float>(),
                                    static_cast<PointLabel>(point[2].get<int>())});
  }
  return prompt;
}

OrderedJson answer_to_json(const Mask& mask, float prediction) {
  return {{"rle", rle_to_string(encode_rle(mask))}, {"iou_prediction", prediction}};
}

OrderedJson scores_to_json(const TruthScores& scores) {
  return {scores.click_best, scores.click_chosen, scores.click_single, scores.clicks, scores.box};
}

TruthScores scores_from_json(const OrderedJson& json) {
  TruthScores scores;
  scores.click_best = json[0].get<double>();
  scores.click_chosen = json[1].get<double>();
  scores.click_single = json[2].get<double>();
  scores.clicks = json[3].get<decltype(scores.clicks)>();
  scores.box = json[4].get<double>();
  return scores;
}

// Prompts first to first + count of a request.
void answer_chunk(const Embedding& embedding, const std::vector<AccuracyPrompt>& prompts,
                  std::size_t first, std::size_t count, lasso::Segmenter* segmenter,
                  OrderedJson* answers) {
  std::vector<lasso::Prompt> asked;
  std::vector<Mask> truths;
  std::vector<Point> clicks;
  std::vector<std::size_t> with_truth;
  for (std::size_t i = first; i < first + count; ++i) {
    asked.push_back(prompts[i].prompt);
    if (prompts[i].truth.empty()) continue;
    with_truth.push_back(i);
    truths.push_back(decode_rle(
        rle_from_string(prompts[i].truth, embedding.image_width(), embedding.image_height())));
    clicks.push_back(prompts[i].prompt.points.front());
  }
  SegmentOptions options;
  options.low_res_logits = false;
  const std::vector<Segmentation> masks =
      with_model([&] { return segmenter->segment(embedding, asked, options); });
  for (const Segmentation& answer : masks) {
    answers->push_back(answer_to_json(answer.masks.front(), answer.iou_predictions.front()));
  }
  if (truths.empty()) return;
  const std::vector<TruthScores> scores =
      with_model([&] { return score_objects(embedding, truths, clicks, segmenter); });
  for (std::size_t i = 0; i < scores.size(); ++i) {
    (*answers)[with_truth[i]]["scores"] = scores_to_json(scores[i]);
  }
}

OrderedJson answer_request(const OrderedJson& request, lasso::Segmenter* segmenter) {
  std::vector<AccuracyPrompt> prompts;
  for (const OrderedJson& json : request.at("prompts")) prompts.push_back(prompt_from_json(json));
  const auto path = request.at("image").get<std::vector<std::uint8_t>>();
  ReadImageOptions options;
  options.warnings = false;  // the parent has read it, too
  if (const OrderedJson& range = request.at("range"); !range.is_null()) {
    options.range = ValueRange{range.at(0).get<int>(), range.at(1).get<int>()};
  }
  const Image image = read_image(std::string(path.begin(), path.end()), options);
  const Embedding embedding = with_model([&] { return segmenter->encode(image.view()); });
  const std::size_t bytes =
      4 * static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height);
  const std::size_t step =
      std::clamp<std::size_t>(kMaskBytes / std::max<std::size_t>(bytes, 1), 1, kPromptsPerCall);
  OrderedJson answers = OrderedJson::array();
  for (std::size_t first = 0; first < prompts.size(); first += step) {
    answer_chunk(embedding, prompts, first, std::min(step, prompts.size() - first), segmenter,
                 &answers);
  }
  return {{"answers", std::move(answers)}};
}

OrderedJson info_json(const Operand& operand, const OpenParts& open, const RunOptions& run,
                      const lasso::Segmenter& segmenter) {
  const EngineInfo& info = open.model.engine.info();
  OrderedJson json = {{"file", json_name(operand.model())},
                      {"variant", operand.variant},
                      {"runtime", run.runtime},
                      {"model", info.model},
                      {"model_hash", info.model_hash},
                      {"device", info.device},
                      {"precision", info.precision},
                      {"preprocess", info.preprocess},
                      {"isa", operand.variant == "reference" ? "reference" : info.isa},
                      {"threads", segmenter.threads()},
                      {"load_ms", open.model.load_ms}};
  if (run.runtime == "lasso") return json;
  // What the other runtime's kernels are is its own affair.
  for (const char* key : {"device", "precision", "isa"}) json.erase(key);
  json["settings"] = settings_json(segmenter.runtime_settings());
  return json;
}

void serve(const Operand& operand, const ModelOptions& model, const RunOptions& run_options,
           Parent* parent) {
  parent->receive();  // asks for the model
  const RunOptions run = apply_variant(operand, run_options);
  OpenParts open = open_operand(operand, model, run);
  lasso::Segmenter segmenter = make_segmenter(operand, run, &open);
  parent->send(RecordKind::kInfo, info_json(operand, open, run, segmenter));
  while (true) {
    const Record request = parent->receive();
    OrderedJson answer;
    try {
      answer = answer_request(request.meta, &segmenter);
    } catch (const lasso::Error& error) {
      if (is_fatal(error)) throw;
      answer = {{"error", error.what()}};
    }
    parent->send(RecordKind::kAnswer, answer);
  }
}

}  // namespace

AccuracySide::AccuracySide(const Operand& operand, const ModelOptions& model, const RunOptions& run)
    : child_(operand.text(), [&](Parent* parent) { serve(operand, model, run, parent); }) {}

OrderedJson AccuracySide::load() {
  child_.send(RecordKind::kRequest, OrderedJson::object());
  return child_.next().meta;
}

std::vector<SideAnswer> AccuracySide::answer(const std::string& image,
                                             const std::optional<ValueRange>& range,
                                             const std::vector<AccuracyPrompt>& prompts) {
  // Bytes, as a file's name need not be the UTF-8 that JSON takes.
  OrderedJson request = {{"image", std::vector<std::uint8_t>(image.begin(), image.end())},
                         {"range", range_json(range)},
                         {"prompts", OrderedJson::array()}};
  for (const AccuracyPrompt& prompt : prompts) request["prompts"].push_back(prompt_to_json(prompt));
  child_.send(RecordKind::kRequest, request);
  const OrderedJson& reply = child_.next().meta;
  if (reply.contains("error")) {
    throw Failure(Exit::kSomeFailed, reply.at("error").get<std::string>());
  }
  std::vector<SideAnswer> answers;
  for (const OrderedJson& json : reply.at("answers")) {
    SideAnswer answer;
    answer.rle = json.at("rle").get<std::string>();
    answer.iou_prediction = json.at("iou_prediction").get<float>();
    if (json.contains("scores")) answer.scores = scores_from_json(json.at("scores"));
    answers.push_back(std::move(answer));
  }
  return answers;
}

}  // namespace lasso::app
