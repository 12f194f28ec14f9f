#include "formats/onnx/place.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "formats/text.h"

namespace lasso {

void Place::charge(std::uint64_t bytes) const {
  if (bytes > source_->memory_left) {
    refuse(ErrorCode::kUnsupported, "reading a file of {} bytes would take too much memory",
           source_->bytes.size());
  }
  source_->memory_left -= bytes;
}

std::string Place::text() const {
  constexpr std::size_t kLongestName = 80;
  std::string result(kind_);
  if (index_ != kNoIndex) result += fmt::format(" {}", index_);
  if (name_.empty()) return result;
  const std::string name = printable(name_, kLongestName);
  return result + (index_ != kNoIndex ? fmt::format(" ({})", name) : " " + name);
}

void Place::refuse_text(ErrorCode code, const std::string& what) const {
  constexpr std::size_t kMostPlaces = 8;
  std::vector<std::string> places;
  for (const Place* place = this; place->outer_ != nullptr; place = place->outer_) {
    places.push_back(place->text());
  }
  std::reverse(places.begin(), places.end());
  if (places.size() > kMostPlaces) {  // graphs in graphs in graphs
    places.erase(places.begin() + kMostPlaces / 2, places.end() - kMostPlaces / 2);
    places.insert(places.begin() + kMostPlaces / 2, "...");
  }
  const std::string separator = places.empty() ? "" : ": ";
  throw Error(code,
              fmt::format("{}: {}{}{}", source_->path, fmt::join(places, ", "), separator, what));
}

}  // namespace lasso
