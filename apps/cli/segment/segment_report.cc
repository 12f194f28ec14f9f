// How the result for an image is told: as JSON, and to a person.

#include <fmt/format.h>

#include <cmath>

#include "cli/console.h"
#include "cli/segment/segment_image.h"

namespace lasso::app {

namespace {

double microsecond_precision(double ms) { return std::round(ms * 1000) / 1000; }

Json mask_json(const ImageReport& report, const MaskSummary& mask) {
  const PromptTask& prompt = report.prompts[mask.prompt];
  Json json;
  json["prompt"] = mask.prompt;
  if (!prompt.id.is_null()) json["id"] = prompt.id;
  if (!prompt.source.empty()) json["source"] = prompt.source;
  json["candidate"] = mask.candidate;
  json["iou_prediction"] = shortest(mask.iou_prediction);
  json["area"] = mask.area;
  json["bbox_xyxy"] = mask.box ? xyxy(*mask.box) : Json();
  json["bbox_xywh"] = mask.box ? xywh(*mask.box) : Json();
  json["rle"] = {{"size", {report.height, report.width}}, {"counts", mask.rle}};
  return json;
}

Json failures_json(const std::vector<PromptFailure>& failures) {
  Json list = Json::array();
  for (const PromptFailure& failure : failures) {
    Json entry = {{"source", failure.source}, {"message", failure.message}};
    if (!failure.id.is_null()) entry["id"] = failure.id;
    list.push_back(std::move(entry));
  }
  return list;
}

std::string milliseconds(double ms) { return fmt::format("{:.{}f} ms", ms, ms < 10 ? 1 : 0); }

std::string mask_text(const MaskSummary& mask) {
  const std::string box = mask.box ? fmt::format("box {},{}-{},{}", mask.box->x0, mask.box->y0,
                                                 mask.box->x1, mask.box->y1)
                                   : "empty";
  return fmt::format("IoU {}  area {} px  {}",
                     styled(Style::kBold, fmt::format("{:.2f}", mask.iou_prediction)), mask.area,
                     box);
}

std::string timings_text(const ImageReport& report) {
  const Timings& timings = report.timings;
  std::string text;
  if (timings.encode_ms > 0) text = "encode " + milliseconds(timings.encode_ms);
  if (timings.decode_ms > 0) {
    text += (text.empty() ? "" : ", ") + ("decode " + milliseconds(timings.decode_ms));
  }
  return styled(Style::kDim, text);
}

// "out/truck_overlay.png", or the first of several with their number.
std::string files_text(const ImageReport& report) {
  std::string text;
  for (const auto& item : report.files.items()) {
    const auto& paths = item.value();
    if (!text.empty()) text += ", ";
    text += styled(Style::kCyan, printable(paths[0].get<std::string>()));
    if (paths.size() > 1) text += fmt::format(" (+{} more)", paths.size() - 1);
  }
  return text.empty() ? text : fmt::format("  {} {}", arrow(), text);
}

}  // namespace

Json to_json(const ImageReport& report, double model_load_ms) {
  Json json;
  json["image"] = report.path;
  if (!report.error.empty()) {
    json["error"] = {{"code", report.error_code}, {"message", report.error}};
  } else {
    json["width"] = report.width;
    json["height"] = report.height;
    json["masks"] = Json::array();
    for (const MaskSummary& mask : report.masks) json["masks"].push_back(mask_json(report, mask));
    json["timings"] = {{"model_load_ms", microsecond_precision(model_load_ms)},
                       {"load_ms", microsecond_precision(report.load_ms)},
                       {"preprocess_ms", microsecond_precision(report.timings.preprocess_ms)},
                       {"encode_ms", microsecond_precision(report.timings.encode_ms)},
                       {"decode_ms", microsecond_precision(report.timings.decode_ms)},
                       {"postprocess_ms", microsecond_precision(report.timings.postprocess_ms)}};
    json["files"] = report.files;
  }
  if (!report.failures.empty()) json["prompt_errors"] = failures_json(report.failures);
  return json;
}

Json to_json(const std::vector<PromptFailure>& failures) {
  return {{"image", nullptr}, {"prompt_errors", failures_json(failures)}};
}

std::string to_text(const ImageReport& report, std::size_t name_width) {
  const std::size_t count = report.masks.size();
  std::string text =
      fmt::format("{}  {}  {} mask{}",
                  styled(Style::kBold, fmt::format("{:<{}}", printable(report.path), name_width)),
                  fmt::format("{:>9}", fmt::format("{}x{}", report.width, report.height)), count,
                  count == 1 ? "" : "s");
  if (count == 1) text += "  " + mask_text(report.masks.front());
  const std::string timings = timings_text(report);
  if (!timings.empty()) text += "  " + timings;
  text += files_text(report);
  if (count < 2) return text;
  for (const MaskSummary& mask : report.masks) {
    const PromptTask& prompt = report.prompts[mask.prompt];
    std::string label = fmt::format("#{}", mask.prompt);
    if (!prompt.id.is_null()) {
      label = prompt.id.is_string() ? printable(prompt.id.get<std::string>()) : prompt.id.dump();
    }
    if (prompt.multimask) label += fmt::format(".{}", mask.candidate);
    text += fmt::format("\n  {:<8}  {}", label, mask_text(mask));
  }
  return text;
}

}  // namespace lasso::app
