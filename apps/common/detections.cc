#include "common/detections.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "common/class_names.h"
#include "common/result_json.h"

namespace lasso::app {

namespace {

OrderedJson corners(const Box& box) {
  return OrderedJson::array(
      {shortest(box.x0), shortest(box.y0), shortest(box.x1), shortest(box.y1)});
}

OrderedJson corner_and_sides(const Box& box) {
  return OrderedJson::array(
      {shortest(box.x0), shortest(box.y0), shortest(box.x1 - box.x0), shortest(box.y1 - box.y0)});
}

OrderedJson rle_json(const DetectReport& report, const MaskSummary& mask) {
  return {{"size", {report.height, report.width}}, {"counts", mask.rle}};
}

OrderedJson detection_json(const DetectReport& report, std::size_t i, const Classes& classes) {
  const Detection& found = report.detections[i];
  OrderedJson json;
  json["class"] = found.class_id;
  json["name"] = classes.names.empty() ? OrderedJson()
                                       : OrderedJson(class_text(classes.names, found.class_id));
  json["score"] = shortest(found.score);
  json["bbox_xyxy"] = corners(found.box);
  json["bbox_xywh"] = corner_and_sides(found.box);
  if (report.masks.empty()) return json;
  const MaskSummary& mask = report.masks[i];
  json["iou_prediction"] = shortest(mask.iou_prediction);
  json["area"] = mask.area;
  json["mask_bbox_xyxy"] = mask.box ? xyxy(*mask.box) : OrderedJson();
  json["rle"] = rle_json(report, mask);
  return json;
}

OrderedJson timings_json(const DetectReport& report, const LoadTimes& times) {
  OrderedJson json;
  const auto add = [&](const char* key, double ms) { json[key] = microsecond_precision(ms); };
  add("model_load_ms", times.detector_ms);
  if (times.segmenter_ms) add("segment_model_load_ms", *times.segmenter_ms);
  add("load_ms", report.load_ms);
  add("preprocess_ms", report.timings.preprocess_ms);
  add("network_ms", report.timings.network_ms);
  add("suppress_ms", report.timings.suppress_ms);
  add("postprocess_ms", report.timings.postprocess_ms);
  if (!report.segment_timings) return json;
  add("segment_preprocess_ms", report.segment_timings->preprocess_ms);
  add("encode_ms", report.segment_timings->encode_ms);
  add("decode_ms", report.segment_timings->decode_ms);
  add("segment_postprocess_ms", report.segment_timings->postprocess_ms);
  return json;
}

// 139 of "000000000139.jpg", as COCO's images are called; else the name.
OrderedJson image_id(const std::string& path) {
  const std::string name = stem(path);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  const bool is_number = error == std::errc() && end == name.data() + name.size() && number >= 0;
  return is_number ? OrderedJson(number) : OrderedJson(json_name(name));
}

}  // namespace

int Classes::category(int class_id) const { return coco91 ? coco_category(class_id) : class_id; }

OrderedJson to_json(const DetectReport& report, const Classes& classes, const LoadTimes& times) {
  OrderedJson json;
  json["image"] = json_name(report.path);
  if (!report.error.empty()) {
    add_error(report.error_code, report.error, report.files, &json);
    return json;
  }
  json["width"] = report.width;
  json["height"] = report.height;
  if (report.range) json["range"] = range_json(report.range);
  json["detections"] = OrderedJson::array();
  for (std::size_t i = 0; i < report.detections.size(); ++i) {
    json["detections"].push_back(detection_json(report, i, classes));
  }
  if (report.batch > 1) json["batch"] = report.batch;
  json["timings"] = timings_json(report, times);
  json["files"] = report.files;
  if (!report.left_out.empty()) json["left_out"] = report.left_out;
  return json;
}

std::string yolo_text(const std::vector<Detection>& detections, int width, int height,
                      bool scores) {
  std::string text;
  for (const Detection& found : detections) {
    const Box& box = found.box;
    text += fmt::format("{} {:.6g} {:.6g} {:.6g} {:.6g}", found.class_id,
                        (box.x0 + box.x1) / 2 / static_cast<float>(width),
                        (box.y0 + box.y1) / 2 / static_cast<float>(height),
                        (box.x1 - box.x0) / static_cast<float>(width),
                        (box.y1 - box.y0) / static_cast<float>(height));
    text += scores ? fmt::format(" {:.6g}\n", found.score) : "\n";
  }
  return text;
}

OrderedJson coco_results(const DetectReport& report, const Classes& classes) {
  const OrderedJson id = image_id(report.path);
  OrderedJson list = OrderedJson::array();
  for (std::size_t i = 0; i < report.detections.size(); ++i) {
    const Detection& found = report.detections[i];
    OrderedJson entry;
    entry["image_id"] = id;
    entry["category_id"] = classes.category(found.class_id);
    entry["bbox"] = corner_and_sides(found.box);
    entry["score"] = shortest(found.score);
    if (!report.masks.empty()) entry["segmentation"] = rle_json(report, report.masks[i]);
    list.push_back(std::move(entry));
  }
  return list;
}

}  // namespace lasso::app
