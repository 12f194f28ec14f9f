#include "cli/picture_folder.h"

#include <fmt/format.h>

#include <cstddef>

#include "cli/console.h"
#include "cli/exit_codes.h"

namespace lasso::app {

AccuracySet read_picture_folder(const std::string& option, const std::string& folder) {
  AccuracySet set = for_option(option, [&] { return read_image_folder(folder); });
  const std::size_t skipped = set.skipped.size();
  if (skipped > 0) {
    print_warning(fmt::format(
        "{}: {} of {} files and folders in it skipped, as they are no files with the names of "
        "JPEG, PNG, PPM or PGM (-v lists them)",
        folder, skipped, skipped + set.images.size()));
  }
  for (const std::string& name : set.skipped) print_note("skipped: " + name);
  return set;
}

}  // namespace lasso::app
