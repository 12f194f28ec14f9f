#include "cli/picture_folder.h"

#include <fmt/format.h>

#include "cli/console.h"
#include "cli/exit_codes.h"

namespace lasso::app {

AccuracySet read_picture_folder(const std::string& option, const std::string& folder) {
  AccuracySet set = for_option(option, [&] { return read_image_folder(folder); });
  tell_skipped(folder, set.skipped, set.images.size());
  return set;
}

void tell_skipped(const std::string& folder, const std::vector<std::string>& skipped,
                  std::size_t pictures) {
  if (!skipped.empty()) {
    print_warning(fmt::format(
        "{}: {} of {} files and folders in it skipped, as they are no files with the names of "
        "JPEG, PNG, PPM or PGM (-v lists them)",
        folder, skipped.size(), skipped.size() + pictures));
  }
  for (const std::string& name : skipped) print_note("skipped: " + name);
}

}  // namespace lasso::app
