#include "cli/report_line.h"

#include <fmt/format.h>

#include "cli/console.h"
#include "common/pictures.h"
#include "common/text.h"

namespace lasso::app {

std::string image_text(const std::string& path, int width, int height, std::size_t name_width) {
  return fmt::format(
      "{}  {:>9}",
      styled(Style::kBold, fmt::format("{:<{}}", printable(picture_name(path)), name_width)),
      fmt::format("{}x{}", width, height));
}

std::string milliseconds(double ms) { return fmt::format("{:.{}f} ms", ms, ms < 10 ? 1 : 0); }

std::string files_text(const OrderedJson& files) {
  std::string text;
  for (const auto& item : files.items()) {
    const auto& paths = item.value();
    if (!text.empty()) text += ", ";
    text += styled(Style::kCyan, printable(file_name(paths[0].get<std::string>())));
    if (paths.size() > 1) text += fmt::format(" (+{} more)", paths.size() - 1);
  }
  return text.empty() ? text : fmt::format("  {} {}", arrow(), text);
}

}  // namespace lasso::app
