#include "cli/range.h"

#include <fmt/format.h>

#include <optional>

#include "cli/console.h"
#include "cli/exit_codes.h"
#include "cli/options.h"
#include "image/value_range.h"

namespace lasso::app {

void add_range_option(CLI::App* app, std::string* range, const std::string& otherwise,
                      const std::string& group) {
  add_text(app, "--range", range, "auto|full|LO:HI",
           "Values of the images that become 0 and 255, such as 0:4095 for 12 bits in 16; auto: "
           "the lowest and the highest value of all images of the run. Default: " +
               otherwise + ".",
           group);
}

RangeChoice parse_range(const std::string& text) {
  if (text.empty() || text == kWholeRange) return {};
  if (text == "auto") return {true, std::nullopt};
  const std::optional<ValueRange> range = parse_value_range(text);
  if (!range) {
    usage_error(
        "--range {}: expected auto, full, or LO:HI with two whole numbers from 0 to {}, the lower "
        "one first, as in 0:4095",
        text, kMostValue);
  }
  return {false, range};
}

void find_range(const std::vector<std::string>& pictures, PictureReader* reader) {
  PictureReader::Found found;
  {
    const Progress progress("looking for the range of values");
    found = reader->find_range(pictures);
  }
  const auto& range = reader->range();
  if (found.pictures == 0 || !range) return;
  const std::string of = fmt::format("{} image{}", found.pictures, found.pictures == 1 ? "" : "s");
  print_note(fmt::format("range {}:{}, of {}", range->low, range->high, of));
  if (found.narrow == 0) return;
  print_warning(fmt::format(
      "--range auto: {} of {} use a quarter or less of the run's range {}:{}, and become nearly "
      "uniform; are they of fewer bits?",
      found.narrow, of, range->low, range->high));
}

}  // namespace lasso::app
