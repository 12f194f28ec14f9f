#include "models/yolov7/checkpoint/other_detectors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "formats/text.h"

namespace lasso::yolov7 {

namespace {

// Of the repositories whose classes stand in models.common, as yolov7's do.
constexpr std::string_view kScriptExport = "python export.py --weights FILE --include onnx";
constexpr std::string_view kUltralyticsExport = "yolo export model=FILE format=onnx";

struct Sign {
  std::string_view module;  // begins or ends with it
  std::string_view block;   // empty: any
  std::string_view model;
  std::string_view exporter;
};

// In this order: later models have blocks of earlier ones.
constexpr auto kSigns = std::to_array<Sign>({
    {"ultralytics.", "A2C2f", "a YOLO12 model", kUltralyticsExport},
    {"ultralytics.", "C3k2", "a YOLO11 model", kUltralyticsExport},
    {"ultralytics.", "SCDown", "a YOLOv10 model", kUltralyticsExport},
    {"ultralytics.", "RepNCSPELAN4", "a YOLOv9 model", kUltralyticsExport},
    {"ultralytics.", "C2f", "a YOLOv8 model", kUltralyticsExport},
    {"ultralytics.", "C3", "a YOLOv5 model", kUltralyticsExport},
    {"ultralytics.", "", "a model of Ultralytics", kUltralyticsExport},
    {"yolov6.", "", "a YOLOv6 model", kScriptExport},
    {"models.common", "RepNCSPELAN4", "a YOLOv9 model", kScriptExport},
    {"models.common", "ADown", "a YOLOv9 model", kScriptExport},
    {"models.common", "C2f", "a YOLOv8 model", kScriptExport},
    {"models.common", "C3", "a YOLOv5 model", kScriptExport},
    {"models.common", "SPPF", "a YOLOv5 model", kScriptExport},
    {"models.common", "BottleneckCSP", "a YOLOv5 model", kScriptExport},
});

}  // namespace

std::optional<std::string> other_detector(const Pickle& pickle) {
  for (const Sign& sign : kSigns) {
    const auto found =
        std::find_if(pickle.names.begin(), pickle.names.end(), [&](const PickleName& name) {
          const bool is_theirs =
              name.module.starts_with(sign.module) || name.module.ends_with(sign.module);
          return is_theirs && (sign.block.empty() || sign.block == name.name);
        });
    if (found == pickle.names.end()) continue;
    return fmt::format(
        "{}, told by its class {}; of YOLO's checkpoints Lasso reads WongKinYiu's YOLOv7 "
        "alone. Export it to ONNX with the code that it was trained with ({}), and give the ONNX "
        "file",
        sign.model, printable(found->full()), sign.exporter);
  }
  return std::nullopt;
}

}  // namespace lasso::yolov7
