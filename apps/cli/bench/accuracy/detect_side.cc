#include "cli/bench/accuracy/detect_side.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>

#include "cli/exit_codes.h"
#include "cli/model/detector_model.h"
#include "cli/model/model.h"
#include "common/result_json.h"
#include "lasso/detector.h"

namespace lasso::app {

namespace {

// Those of yolov7's test.py. A model with a suppression of its own keeps its own.
DetectOptions options_for(const DetectorInfo& info) {
  DetectOptions options;
  const bool has_own =
      info.form == DetectorForm::kEfficientNms || info.form == DetectorForm::kNonMaxSuppression;
  if (has_own) return options;
  options.conf_thres = 0.001;
  options.iou_thres = 0.65;
  options.multi_label = true;
  return options;
}

OrderedJson answer_request(const OrderedJson& request, const DetectOptions& options,
                           Detector* detector) {
  const auto path = request.at("image").get<std::vector<std::uint8_t>>();
  ReadImageOptions reading;
  reading.warnings = false;  // the first side has said them
  if (const OrderedJson& range = request.at("range"); !range.is_null()) {
    reading.range = ValueRange{range.at(0).get<int>(), range.at(1).get<int>()};
  }
  const Image image = read_image(std::string(path.begin(), path.end()), reading);
  OrderedJson boxes = OrderedJson::array();
  for (const Detection& found :
       with_model([&] { return detector->detect(image.view(), options); })) {
    const Box& box = found.box;
    boxes.push_back({found.class_id, found.score, box.x0, box.y0, box.x1, box.y1});
  }
  return {{"boxes", std::move(boxes)}};
}

void serve(const Operand& operand, const ModelOptions& model, const RunOptions& run_options,
           Parent* parent) {
  parent->receive();  // asks for the model
  const RunOptions run = apply_variant(operand, run_options);
  const OpenModel open = open_detector_operand(operand, model, run);
  DetectorOptions settings;
  settings.threads = run.threads;
  Detector detector = make_detector(open, settings);
  const EngineInfo& info = open.engine.info();
  const DetectOptions options = options_for(detector.info());
  parent->send(RecordKind::kInfo, {{"file", json_name(operand.file)},
                                   {"variant", operand.variant},
                                   {"model", info.model},
                                   {"model_hash", info.model_hash},
                                   {"device", info.device},
                                   {"precision", info.precision},
                                   {"isa", operand.variant == "reference" ? "reference" : info.isa},
                                   {"threads", detector.threads()},
                                   {"load_ms", open.load_ms},
                                   {"classes", detector.info().classes},
                                   {"names", detector.info().names}});
  while (true) {
    const Record request = parent->receive();
    OrderedJson answer;
    try {
      answer = answer_request(request.meta, options, &detector);
    } catch (const lasso::Error& error) {
      if (is_fatal(error)) throw;
      answer = {{"error", error.what()}};
    }
    parent->send(RecordKind::kAnswer, answer);
  }
}

}  // namespace

DetectSide::DetectSide(const Operand& operand, const ModelOptions& model, const RunOptions& run)
    : child_(operand.text(), [&](Parent* parent) { serve(operand, model, run, parent); }) {}

OrderedJson DetectSide::load() {
  child_.send(RecordKind::kRequest, OrderedJson::object());
  return child_.next().meta;
}

std::vector<FoundBox> DetectSide::detect(const std::string& image,
                                         const std::optional<ValueRange>& range) {
  // Bytes, as a file's name need not be the UTF-8 that JSON takes.
  child_.send(RecordKind::kRequest,
              {{"image", std::vector<std::uint8_t>(image.begin(), image.end())},
               {"range", range_json(range)}});
  const OrderedJson& reply = child_.next().meta;
  if (reply.contains("error")) {
    throw Failure(Exit::kSomeFailed, reply.at("error").get<std::string>());
  }
  std::vector<FoundBox> found;
  for (const OrderedJson& row : reply.at("boxes")) {
    const auto value = [&](std::size_t i) { return row.at(i).get<double>(); };
    found.push_back({row.at(0).get<std::size_t>(),
                     {value(2), value(3), value(4) - value(2), value(5) - value(3)},
                     value(1)});
  }
  return found;
}

}  // namespace lasso::app
