#include "cli/segment/report_text.h"

#include <fmt/format.h>

#include "cli/console.h"
#include "cli/report_line.h"
#include "common/text.h"

namespace lasso::app {

namespace {

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

}  // namespace

std::string to_text(const ImageReport& report, std::size_t name_width) {
  const std::size_t count = report.masks.size();
  std::string text =
      fmt::format("{}  {} mask{}", image_text(report.path, report.width, report.height, name_width),
                  count, count == 1 ? "" : "s");
  if (count == 1) text += "  " + mask_text(report.masks.front());
  const std::string timings = timings_text(report);
  if (!timings.empty()) text += "  " + timings;
  text += files_text(report.files);
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
