#include "cli/detect/report_text.h"

#include <fmt/format.h>

#include <map>

#include "cli/console.h"
#include "cli/report_line.h"
#include "common/class_names.h"
#include "common/text.h"

namespace lasso::app {

namespace {

std::string counts_text(const DetectReport& report, const Classes& classes) {
  std::map<int, std::size_t> counts;
  for (const Detection& found : report.detections) ++counts[found.class_id];
  std::string text;
  for (const auto& [class_id, count] : counts) {
    text += fmt::format("{}{} {}", text.empty() ? ": " : ", ", count,
                        printable(class_text(classes.names, class_id)));
  }
  return text;
}

std::string timings_text(const DetectReport& report) {
  const DetectTimings& t = report.timings;
  std::string text =
      "detect " + milliseconds(t.preprocess_ms + t.network_ms + t.suppress_ms + t.postprocess_ms);
  if (report.segment_timings && report.segment_timings->encode_ms > 0) {
    text += ", encode " + milliseconds(report.segment_timings->encode_ms) + ", decode " +
            milliseconds(report.segment_timings->decode_ms);
  }
  return styled(Style::kDim, text);
}

}  // namespace

std::string to_text(const DetectReport& report, const Classes& classes, std::size_t name_width) {
  const std::size_t count = report.detections.size();
  return fmt::format("{}  {} object{}{}  {}{}",
                     image_text(report.path, report.width, report.height, name_width), count,
                     count == 1 ? "" : "s", counts_text(report, classes), timings_text(report),
                     files_text(report.files));
}

}  // namespace lasso::app
