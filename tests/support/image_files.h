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
  int quality = 95;
  std::string app1;  // the body of an APP1 segment; empty: none
};

// pixel(x, y, channel) gives the values as libjpeg stores them. Throws std::runtime_error.
using Pixel8 = std::function<int(int x, int y, int channel)>;
std::string make_jpeg(const JpegSpec& spec, const Pixel8& pixel);

// An Exif segment whose first directory has an orientation after another entry.
std::string exif_segment(int orientation, bool big_endian);

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

}  // namespace lasso::test

#endif  // LASSO_TESTS_SUPPORT_IMAGE_FILES_H_
