// Pictures by the names that users give: paths of files and pipes, and "-" for standard input.
#ifndef LASSO_COMMON_PICTURES_H_
#define LASSO_COMMON_PICTURES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lasso/image.h"

namespace lasso::app {

constexpr const char* kStandardInput = "-";

// Whether the name is one of standard input's: "-", /dev/stdin, ...
bool is_standard_input(const std::string& name);

// As messages and generated names have it: "stdin" for "-".
std::string picture_name(const std::string& picture);

// What --range says.
struct RangeChoice {
  bool automatic = false;           // one range over all pictures of a run
  std::optional<ValueRange> fixed;  // none: the whole range
};

// Reads the pictures of a run in one way.
class PictureReader {
 public:
  // `max_pixels` of a picture; its file may have as many bytes as they can need.
  PictureReader(std::int64_t max_pixels, const RangeChoice& choice);

  // Where the choice is automatic, decodes every picture, one at a time, for the range of all;
  // those that can't be read are passed over: read() says why. Pictures from pipes stay in memory
  // for read(). The range is none where all pictures together have one value.
  struct Found {
    std::size_t pictures = 0;  // that were looked at
    std::size_t narrow = 0;    // of which a quarter of the range or less is used: of fewer bits?
  };
  Found find_range(const std::vector<std::string>& pictures);

  const std::optional<ValueRange>& range() const { return options_.range; }

  // Throws as read_image(). May be called from several threads.
  Image read(const std::string& picture) const;
  // The same in another range, such as that of an embedding.
  Image read(const std::string& picture, const std::optional<ValueRange>& range) const;

 private:
  bool automatic_;
  ReadImageOptions options_;
  std::map<std::string, std::string> held_;  // files of pictures from pipes
};

}  // namespace lasso::app

#endif  // LASSO_COMMON_PICTURES_H_
