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
  // 16 bits, and a file without its end.
  for (const bool interlaced : {false, true}) {
    PngSpec spec;
    spec.bits = 16;
    spec.interlaced = interlaced;
    const std::string file = make_png(spec, [](int x, int y, int c) { return x * 97 + y * 5 + c; });
    write_bytes(dir + (interlaced ? "/png16_interlaced" : "/png16"), file);
    write_bytes(dir + (interlaced ? "/png16_interlaced_cut" : "/png16_cut"),
                file.substr(0, file.size() - 15));
  }
  // Orientations: every type of integer, and every place in a file.
  const std::string png = make_png({}, wave);
  for (const int type : {1, 3, 4, 9}) {
    const std::string exif = exif_segment(6, type != 3, type);
    JpegSpec spec;
    spec.width = 20;
    spec.height = 12;
    spec.app1 = exif;
    const std::string name = std::to_string(type);
    write_bytes(dir + "/jpeg_exif" + name, make_jpeg(spec, wave));
    const char* before = type == 3 ? "IEND" : "IDAT";
    write_bytes(dir + "/png_exif" + name,
                with_chunk(png, before, png_chunk("eXIf", exif.substr(6))));
  }
  for (const char* type : {"tEXt", "zTXt"}) {
    write_bytes(dir + "/png_" + type,
                with_chunk(png, "IDAT", raw_profile_chunk(type, exif_segment(8, false))));
  }
  const std::string packet = "<rdf:Description tiff:Orientation=\"8\"/>";
  JpegSpec xmp;
  xmp.app1 = xmp_segment(packet);
  write_bytes(dir + "/jpeg_xmp", make_jpeg(xmp, wave));
  write_bytes(
      dir + "/png_xmp",
      with_chunk(png, "IEND",
                 png_chunk("iTXt", std::string("XML:com.adobe.xmp\0\0\0\0\0", 22) + packet)));
  // Netpbm: gray and RGB, a byte and two for each value, and comments.
  for (const char* kind : {"P5", "P6"}) {
    for (const char* most : {"255", "100", "65535"}) {
      const std::size_t values = (kind[1] == '5' ? 1u : 3u) * (most[3] == '\0' ? 1u : 2u);
      std::string file = std::string(kind) + "\n# made\n7 5 # wide, high\n" + most + "\n";
      for (std::size_t i = 0; i < 7 * 5 * values; ++i) file += static_cast<char>(i * 37);
      write_bytes(dir + "/" + kind + "_" + most, file);
    }
  }
}

}  // namespace lasso::test
