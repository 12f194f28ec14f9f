#include "common/pictures.h"

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "common/errors.h"
#include "core/file.h"
#include "image/value_range.h"

namespace lasso::app {

namespace {

// A pixel has at most four channels of 16 bits before it is compressed.
constexpr std::int64_t kPixelBytes = 8;
// What a file may have besides: thumbnails, profiles.
constexpr std::int64_t kOtherBytes = std::int64_t{64} << 20;

bool is_pipe(const std::string& picture) {
  if (picture == kStandardInput) return true;
  std::error_code ignored;
  const std::filesystem::file_status status = std::filesystem::status(picture, ignored);
  return std::filesystem::exists(status) && !std::filesystem::is_regular_file(status) &&
         !std::filesystem::is_directory(status);
}

std::string read_bytes(const std::string& picture, const ReadImageOptions& options) {
  const auto most = static_cast<std::size_t>(options.max_file_bytes);
  return picture == kStandardInput ? read_descriptor(STDIN_FILENO, picture_name(picture), most)
                                   : read_file(picture, most);
}

const std::uint8_t* data_of(const std::string& bytes) {
  return reinterpret_cast<const std::uint8_t*>(bytes.data());
}

}  // namespace

bool is_standard_input(const std::string& name) {
  return name == kStandardInput || name == "/dev/stdin" || name == "/dev/fd/0" ||
         name == "/proc/self/fd/0";
}

std::string picture_name(const std::string& picture) {
  return picture == kStandardInput ? "stdin" : picture;
}

PictureReader::PictureReader(std::int64_t max_pixels, const RangeChoice& choice)
    : automatic_(choice.automatic) {
  options_.max_pixels = max_pixels;
  options_.max_file_bytes = kOtherBytes + kPixelBytes * max_pixels;
  options_.range = choice.fixed;
}

PictureReader::Found PictureReader::find_range(const std::vector<std::string>& pictures) {
  if (!automatic_) return {};
  ValueRange all{kMostValue, 0};
  std::vector<int> spans;
  for (const std::string& picture : pictures) {
    if (held_.count(picture) > 0) continue;
    try {
      std::string bytes = read_bytes(picture, options_);
      const std::string& file =
          is_pipe(picture) ? held_.emplace(picture, std::move(bytes)).first->second : bytes;
      const ValueRange one =
          decode_value_range(data_of(file), file.size(), picture_name(picture), options_);
      all.low = std::min(all.low, one.low);
      all.high = std::max(all.high, one.high);
      spans.push_back(one.high - one.low);
    } catch (const lasso::Error& error) {
      if (is_fatal(error)) throw;
    }
  }
  if (all.low < all.high) options_.range = all;
  const auto narrow = std::count_if(spans.begin(), spans.end(), [&](int span) {
    return span > 0 && 4 * span <= all.high - all.low;
  });
  return {spans.size(), static_cast<std::size_t>(narrow)};
}

Image PictureReader::read(const std::string& picture) const {
  return read(picture, options_.range);
}

Image PictureReader::read(const std::string& picture,
                          const std::optional<ValueRange>& range) const {
  ReadImageOptions options = options_;
  options.range = range;
  const auto decode = [&](const std::string& bytes) {
    return decode_image(data_of(bytes), bytes.size(), picture_name(picture), options);
  };
  const auto held = held_.find(picture);
  if (held != held_.end()) return decode(held->second);
  if (picture == kStandardInput) return decode(read_bytes(picture, options));
  return read_image(picture, options);
}

}  // namespace lasso::app
