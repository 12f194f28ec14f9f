#include "cli/range.h"

#include <fmt/format.h>

#include <charconv>
#include <cstddef>
#include <optional>
#include <string_view>
#include <system_error>

#include "cli/console.h"
#include "cli/exit_codes.h"
#include "cli/options.h"

namespace lasso::app {

namespace {

constexpr int kMost = 65535;

// -1 for what is no whole number from 0 to kMost.
int parse_value(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool good = error == std::errc() && end == text.data() + text.size();
  return good && value >= 0 && value <= kMost ? value : -1;
}

}  // namespace

void add_range_option(CLI::App* app, std::string* range, const std::string& otherwise,
                      const std::string& group) {
  add_text(app, "--range", range, "auto|full|LO:HI",
           "Values of the images that become 0 and 255, such as 0:4095 for 12 bits in 16; auto: "
           "the lowest and the highest value of all images of the run. Default: " +
               otherwise + ".",
           group);
}

RangeChoice parse_range(const std::string& text) {
  if (text.empty() || text == "full") return {};
  if (text == "auto") return {true, std::nullopt};
  const std::string_view all = text;
  const std::size_t colon = all.find(':');
  const bool two = colon != std::string_view::npos;
  const int low = two ? parse_value(all.substr(0, colon)) : -1;
  const int high = two ? parse_value(all.substr(colon + 1)) : -1;
  if (low < 0 || high <= low) {
    usage_error(
        "--range {}: expected auto, full, or LO:HI with two whole numbers from 0 to {}, the lower "
        "one first, as in 0:4095",
        text, kMost);
  }
  return {false, ValueRange{low, high}};
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
