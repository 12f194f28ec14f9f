#include "cli/inspect/summary.h"

#include <fmt/format.h>

#include "cli/console.h"

namespace lasso::app {

std::string quantity(double value) {
  if (value >= 1e9) return fmt::format("{:.2f} G", value / 1e9);
  if (value >= 1e6) return fmt::format("{:.1f} M", value / 1e6);
  if (value >= 1e3) return fmt::format("{:.1f} k", value / 1e3);
  return fmt::format("{:.0f} ", value);
}

void print_summary_row(const std::string& name, const std::string& value) {
  print(fmt::format("  {}{}", styled(Style::kDim, fmt::format("{:<14}", name)), value));
}

namespace {

std::string size_text(const DetectorInfo& info) {
  if (info.width > 0 && info.height > 0) {
    return fmt::format("{} x {} pixels", info.width, info.height);
  }
  return fmt::format("multiples of {} pixels", info.stride);
}

std::string form_text(const DetectorInfo& info) {
  const std::string rules = fmt::format("score {:.4g}, IoU {:.4g}, at most {}", info.conf_thres,
                                        info.iou_thres, info.topk);
  switch (info.form) {
    case DetectorForm::kBoxes:
      return "boxes before suppression";
    case DetectorForm::kMaps:
      return fmt::format("maps, {}",
                         info.anchors.empty() ? "of unknown anchors" : "of the family's anchors");
    case DetectorForm::kEfficientNms:
      return fmt::format("after EfficientNMS_TRT: {}", rules);
    case DetectorForm::kNonMaxSuppression:
      return fmt::format("after NonMaxSuppression: {}", rules);
  }
  return {};
}

}  // namespace

void print_detector(const DetectorInfo& info) {
  const std::string classes =
      info.classes == 0 ? std::string() : fmt::format("{} classes, ", info.classes);
  print_summary_row("detector", fmt::format("{}{}, {}", classes, size_text(info), form_text(info)));
}

OrderedJson detector_json(const DetectorInfo& info) {
  return {
      {"form", to_string(info.form)}, {"width", info.width},     {"height", info.height},
      {"batch", info.batch},          {"stride", info.stride},   {"classes", info.classes},
      {"names", info.names},          {"anchors", info.anchors}, {"conf_thres", info.conf_thres},
      {"iou_thres", info.iou_thres},  {"topk", info.topk}};
}

}  // namespace lasso::app
