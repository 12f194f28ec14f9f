#include "make_image_seeds.h"

#include <filesystem>

#include "support/files.h"
#include "support/image_files.h"

namespace lasso::test {

void make_image_seeds(const std::string& dir) {
  std::filesystem::create_directories(dir);
  const auto wave = [](int x, int y, int channel) { return (x * 5 + y * (3 + channel)) & 0xFF; };
  for (const int components : {1, 3, 4}) {
    for (const bool progressive : {false, true}) {
      JpegSpec spec;
      spec.width = 20;
      spec.height = 12;
      spec.components = components;
      spec.progressive = progressive;
      if (components == 3) spec.app1 = exif_segment(6, progressive);
      const std::string name =
          "/jpeg" + std::to_string(components) + (progressive ? "_progressive" : "");
      write_bytes(dir + name, make_jpeg(spec, wave));
    }
  }
  for (const int type : {0, 2, 3, 4, 6}) {
    PngSpec spec;
    spec.color_type = type;
    spec.interlaced = type == 6;
    spec.transparency = type == 3;
    if (type == 3) spec.palette.assign(std::size_t{3} * 256, 77);
    write_bytes(dir + "/png" + std::to_string(type), make_png(spec, wave));
  }
}

}  // namespace lasso::test
