// What stands around the pixels in a PNG file: notes about its orientation, and its end.
#ifndef LASSO_IMAGE_CODEC_PNG_CHUNKS_H_
#define LASSO_IMAGE_CODEC_PNG_CHUNKS_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace lasso {

struct PngChunks {
  // By eXIf, by EXIF in a text chunk ("Raw profile type exif"), or by XMP, whether they stand
  // before the pixels or after them; none of what is damaged.
  std::optional<int> orientation;
  bool complete = false;       // the file has its IEND, and what stands after the pixels is whole
  bool cut_in_pixels = false;  // the file ends inside or behind an IDAT
  // A decoder reads the first `whole` bytes of the file and then `rest`, which ends in an IEND of
  // its own where the file's is missing or damaged; an IDAT that the file cuts off is a shorter one
  // there.
  std::size_t whole = 0;
  std::string rest;
};

// `file` begins with PNG's signature. Never throws because of what is in it.
PngChunks read_png_chunks(std::string_view file);

}  // namespace lasso

#endif  // LASSO_IMAGE_CODEC_PNG_CHUNKS_H_
