#include "common/result_json.h"

#include <cmath>

namespace lasso::app {

namespace {

OrderedJson mask_json(const ImageReport& report, const MaskSummary& mask) {
  const PromptTask& prompt = report.prompts[mask.prompt];
  OrderedJson json;
  json["prompt"] = mask.prompt;
  if (!prompt.id.is_null()) json["id"] = prompt.id;
  if (!prompt.source.empty()) json["source"] = json_name(prompt.source);
  json["candidate"] = mask.candidate;
  json["iou_prediction"] = shortest(mask.iou_prediction);
  json["area"] = mask.area;
  json["bbox_xyxy"] = mask.box ? xyxy(*mask.box) : OrderedJson();
  json["bbox_xywh"] = mask.box ? xywh(*mask.box) : OrderedJson();
  json["rle"] = {{"size", {report.height, report.width}}, {"counts", mask.rle}};
  return json;
}

OrderedJson failures_json(const std::vector<PromptFailure>& failures) {
  OrderedJson list = OrderedJson::array();
  for (const PromptFailure& failure : failures) {
    OrderedJson entry = {{"source", json_name(failure.source)}, {"message", failure.message}};
    if (!failure.id.is_null()) entry["id"] = failure.id;
    list.push_back(std::move(entry));
  }
  return list;
}

}  // namespace

OrderedJson range_json(const std::optional<ValueRange>& range) {
  return range ? OrderedJson::array({range->low, range->high}) : OrderedJson();
}

double microsecond_precision(double ms) { return std::round(ms * 1000) / 1000; }

void add_error(const std::string& code, const std::string& message, const OrderedJson& files,
               OrderedJson* json) {
  (*json)["error"] = {{"code", code}, {"message", message}};
  if (!files.empty()) (*json)["files"] = files;
}

OrderedJson to_json(const ImageReport& report, double model_load_ms) {
  OrderedJson json;
  json["image"] = json_name(report.path);
  if (!report.error.empty()) {
    add_error(report.error_code, report.error, report.files, &json);
  } else {
    json["width"] = report.width;
    json["height"] = report.height;
    if (report.range) json["range"] = range_json(report.range);
    json["masks"] = OrderedJson::array();
    for (const MaskSummary& mask : report.masks) json["masks"].push_back(mask_json(report, mask));
    json["timings"] = {{"model_load_ms", microsecond_precision(model_load_ms)},
                       {"load_ms", microsecond_precision(report.load_ms)},
                       {"preprocess_ms", microsecond_precision(report.timings.preprocess_ms)},
                       {"encode_ms", microsecond_precision(report.timings.encode_ms)},
                       {"decode_ms", microsecond_precision(report.timings.decode_ms)},
                       {"postprocess_ms", microsecond_precision(report.timings.postprocess_ms)}};
    json["files"] = report.files;
    if (!report.left_out.empty()) json["left_out"] = report.left_out;
  }
  if (!report.failures.empty()) json["prompt_errors"] = failures_json(report.failures);
  return json;
}

OrderedJson to_json(const std::vector<PromptFailure>& failures) {
  return {{"image", nullptr}, {"prompt_errors", failures_json(failures)}};
}

}  // namespace lasso::app
