// Making JPEG and PNG files of every kind that is read.
#ifndef LASSO_TESTS_SUPPORT_IMAGE_FILES_H_
#define LASSO_TESTS_SUPPORT_IMAGE_FILES_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace lasso::test {

struct JpegSpec {
  int width = 48;
  int height = 32;
  int components = 3;  // 1 gray, 3 RGB, 4 CMYK
  bool progressive = false;
  bool adobe_marker = true;  // of CMYK files: says that the values are inverted
  bool ycck = false;         // CMYK is stored as YCCK, of which only Adobe's marker tells
  bool interleaved = true;   // false: each component has a scan of its own
  int restart_rows = 0;      // rows of MCUs between restart markers; 0: none
  int quality = 95;
  std::string app1;  // the body of an APP1 segment; empty: none
};

// pixel(x, y, channel) gives the values as libjpeg stores them. Throws std::runtime_error.
using Pixel8 = std::function<int(int x, int y, int channel)>;
std::string make_jpeg(const JpegSpec& spec, const Pixel8& pixel);

// An Exif segment whose first directory has an orientation after another entry, with one of TIFF's
// types (1 BYTE, 3 SHORT, 4 LONG, ...).
std::string exif_segment(int orientation, bool big_endian, int type = 3);
// The body of an APP1 segment with XMP.
std::string xmp_segment(const std::string& packet);

struct PngSpec {
  int width = 21;
  int height = 13;
  int bits = 8;
  int color_type = 2;  // 0 gray, 2 RGB, 3 palette, 4 gray and alpha, 6 RGBA
  bool interlaced = false;
  std::vector<std::uint8_t> palette;  // RGB triples
  bool transparency = false;          // a tRNS chunk that makes value 0 transparent
};

// sample(x, y, channel) gives values of `bits` bits. Throws std::runtime_error.
using Sample = std::function<int(int x, int y, int channel)>;
std::string make_png(const PngSpec& spec, const Sample& sample);

std::string png_chunk(const std::string& type, const std::string& data);
// Puts a chunk before the first chunk of type `before`, such as "IDAT" or "IEND".
std::string with_chunk(const std::string& png, const std::string& before, const std::string& chunk);
// What ImageMagick writes: EXIF as hexadecimal digits in a text chunk; packed with zlib if zTXt.
std::string raw_profile_chunk(const std::string& type, const std::string& exif);

}  // namespace lasso::test

#endif  // LASSO_TESTS_SUPPORT_IMAGE_FILES_H_
