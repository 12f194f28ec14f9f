#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "image/codec/codecs.h"
#include "lasso/error.h"
#include "lasso/image.h"
#include "support/image_files.h"

namespace lasso {
namespace {

using test::exif_segment;
using test::JpegSpec;
using test::make_jpeg;
using test::make_png;
using test::PngSpec;

Image decode(const std::string& file, const ReadImageOptions& options = {}) {
  return decode_image(reinterpret_cast<const std::uint8_t*>(file.data()), file.size(), "a.bin",
                      options);
}

int channel(const Image& image, int x, int y, int c) {
  return image.pixels[(static_cast<std::size_t>(y) * static_cast<std::size_t>(image.width) +
                       static_cast<std::size_t>(x)) *
                          3 +
                      static_cast<std::size_t>(c)];
}

// The error of decoding `file`; its message must hold `part`.
ErrorCode error_of(const std::string& file, const std::string& part,
                   const ReadImageOptions& options = {}) {
  try {
    decode(file, options);
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("a.bin"), std::string::npos) << message;
    EXPECT_NE(message.find(part), std::string::npos) << message;
    return error.code();
  }
  ADD_FAILURE() << "no error; expected one with \"" << part << "\"";
  return ErrorCode::kInternal;
}

int smooth(int x, int y, int c) { return (c == 0 ? 3 * x : c == 1 ? 5 * y : 2 * x + 2 * y) + 20; }

// The largest difference from expected(x, y, channel).
int worst(const Image& image, const std::function<int(int, int, int)>& expected) {
  int most = 0;
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      for (int c = 0; c < 3; ++c) {
        most = std::max(most, std::abs(channel(image, x, y, c) - expected(x, y, c)));
      }
    }
  }
  return most;
}

TEST(DecodeJpeg, BaselineAndProgressive) {
  for (const bool progressive : {false, true}) {
    JpegSpec spec;
    spec.progressive = progressive;
    const Image image = decode(make_jpeg(spec, smooth));
    EXPECT_EQ(image.width, 48);
    EXPECT_EQ(image.height, 32);
    EXPECT_EQ(image.format, PixelFormat::kRgb);
    EXPECT_LE(worst(image, smooth), 8) << "progressive " << progressive;
  }
}

TEST(DecodeJpeg, GrayBecomesRgb) {
  JpegSpec spec;
  spec.components = 1;
  const Image image = decode(make_jpeg(spec, [](int x, int, int) { return 4 * x; }));
  EXPECT_LE(worst(image, [](int x, int, int) { return 4 * x; }), 4);
}

TEST(DecodeJpeg, CmykWithAndWithoutAdobesInversion) {
  for (const bool adobe : {true, false}) {
    JpegSpec spec;
    spec.components = 4;
    spec.adobe_marker = adobe;
    // Cyan 80, magenta 3x, yellow 40, black 5y, as ink.
    const auto ink = [](int x, int y, int c) {
      return c == 0 ? 80 : c == 1 ? 3 * x : c == 2 ? 40 : 5 * y;
    };
    const Image image = decode(make_jpeg(
        spec, [&](int x, int y, int c) { return adobe ? 255 - ink(x, y, c) : ink(x, y, c); }));
    const auto expected = [&](int x, int y, int c) {
      return (255 - ink(x, y, c)) * (255 - ink(x, y, 3)) / 255;
    };
    EXPECT_LE(worst(image, expected), 6) << "adobe " << adobe;
  }
}

// Pixel (x, y) of the picture as it should be seen lies at stored(x, y) in the file: EXIF 2.3,
// table of orientations.
TEST(DecodeJpeg, HonoursAllOrientations) {
  constexpr int kWidth = 48;  // as stored
  constexpr int kHeight = 40;
  struct At {
    int x, y;
  };
  const auto stored = [](int orientation, int x, int y) -> At {
    const int right = kWidth - 1;
    const int bottom = kHeight - 1;
    switch (orientation) {
      case 2:
        return {right - x, y};
      case 3:
        return {right - x, bottom - y};
      case 4:
        return {x, bottom - y};
      case 5:
        return {y, x};
      case 6:
        return {y, bottom - x};
      case 7:
        return {right - y, bottom - x};
      case 8:
        return {right - y, x};
      default:
        return {x, y};
    }
  };
  for (int orientation = 1; orientation <= 8; ++orientation) {
    for (const bool big_endian : {false, true}) {
      JpegSpec spec;
      spec.width = kWidth;
      spec.height = kHeight;
      spec.app1 = exif_segment(orientation, big_endian);
      const Image image = decode(make_jpeg(spec, smooth));
      EXPECT_EQ(image.width, orientation >= 5 ? kHeight : kWidth) << orientation;
      EXPECT_EQ(image.height, orientation >= 5 ? kWidth : kHeight) << orientation;
      const auto expected = [&](int x, int y, int c) {
        const At at = stored(orientation, x, y);
        return smooth(at.x, at.y, c);
      };
      EXPECT_LE(worst(image, expected), 8) << orientation;
    }
  }
}

TEST(DecodeJpeg, TurnsLargeImagesExactly) {
  Image image;
  image.width = 131;
  image.height = 77;
  for (int i = 0; i < 131 * 77; ++i) {
    for (const int value : {i % 256, i / 256, 7})
      image.pixels.push_back(static_cast<std::uint8_t>(value));
  }
  // Turning right and then left, or mirroring twice, gives the image back.
  EXPECT_EQ(apply_orientation(apply_orientation(image, 6), 8).pixels, image.pixels);
  for (const int orientation : {2, 3, 4, 5, 7}) {
    EXPECT_EQ(apply_orientation(apply_orientation(image, orientation), orientation).pixels,
              image.pixels)
        << orientation;
  }
  EXPECT_NE(apply_orientation(image, 6).pixels, image.pixels);
}

TEST(Exif, DamagedSegmentsMeanNoOrientation) {
  const auto read = [](const std::string& s) {
    return exif_orientation(reinterpret_cast<const std::uint8_t*>(s.data()), s.size());
  };
  const std::string good = exif_segment(6, true);
  EXPECT_EQ(read(good), 6);
  const std::size_t needed =
      good.size() - 4 - 2;  // the next directory's offset and the value's padding
  for (std::size_t size = 0; size < needed; ++size)
    EXPECT_EQ(read(good.substr(0, size)), 1) << size;
  for (const int value : {0, 9, 65535}) EXPECT_EQ(read(exif_segment(value, false)), 1);
  std::string far = good;
  far[10] = '\x7f';  // the directory's offset
  EXPECT_EQ(read(far), 1);
  std::string xmp = good;
  xmp[0] = 'h';
  EXPECT_EQ(read(xmp), 1);
}

TEST(DecodeJpeg, TruncatedAnywhereIsAnError) {
  for (const bool progressive : {false, true}) {
    JpegSpec spec;
    spec.progressive = progressive;
    const std::string file = make_jpeg(spec, smooth);
    for (std::size_t size = 3; size < file.size(); size += size < 700 ? 1 : 13) {
      EXPECT_EQ(error_of(file.substr(0, size), "JPEG"), ErrorCode::kCorruptFile) << size;
    }
    EXPECT_EQ(error_of(file.substr(0, file.size() - 1), "truncated"), ErrorCode::kCorruptFile);
  }
}

TEST(DecodeJpeg, BytesAfterTheEndAreIgnored) {
  EXPECT_LE(worst(decode(make_jpeg({}, smooth) + std::string(100, 'x')), smooth), 8);
}

TEST(DecodeJpeg, EveryDamagedByteIsAnErrorOrAnImage) {
  JpegSpec spec;
  spec.width = 24;
  spec.height = 16;
  spec.app1 = exif_segment(6, false);
  const std::string file = make_jpeg(spec, smooth);
  for (std::size_t at = 0; at < file.size(); ++at) {
    for (const char value : {'\x00', '\xff', '\x80'}) {
      std::string damaged = file;
      damaged[at] = value;
      try {
        decode(damaged, {1 << 20});
      } catch (const Error&) {
      }
    }
  }
}

// Values of any depth as 8 bits.
int to8(int value, int bits) { return bits == 16 ? value >> 8 : value * 255 / ((1 << bits) - 1); }

TEST(DecodePng, EveryDepthAndKind) {
  for (const bool interlaced : {false, true}) {
    for (const int bits : {1, 2, 4, 8, 16}) {
      for (const int color_type : {0, 2, 4, 6}) {
        if (bits < 8 && color_type != 0) continue;
        for (const bool transparency : {false, true}) {
          if (transparency && color_type >= 4) continue;
          PngSpec spec;
          spec.bits = bits;
          spec.color_type = color_type;
          spec.interlaced = interlaced;
          spec.transparency = transparency;
          const auto sample = [&](int x, int y, int c) {
            return (x * 977 + y * 331 + c * 12345) & ((1 << bits) - 1);
          };
          const Image image = decode(make_png(spec, sample));
          const bool gray = color_type == 0 || color_type == 4;
          EXPECT_EQ(worst(image, [&](int x, int y,
                                     int c) { return to8(sample(x, y, gray ? 0 : c), bits); }),
                    0)
              << bits << " bits, type " << color_type << ", interlaced " << interlaced
              << ", transparency " << transparency;
        }
      }
    }
  }
}

TEST(DecodePng, Palette) {
  for (const int bits : {1, 2, 4, 8}) {
    for (const bool transparency : {false, true}) {
      PngSpec spec;
      spec.bits = bits;
      spec.color_type = 3;
      spec.transparency = transparency;
      for (int i = 0; i < 3 << bits; ++i) spec.palette.push_back(static_cast<std::uint8_t>(i * 37));
      const auto sample = [&](int x, int y, int) { return (x + 5 * y) & ((1 << bits) - 1); };
      const Image image = decode(make_png(spec, sample));
      EXPECT_EQ(worst(image,
                      [&](int x, int y, int c) {
                        return spec.palette[static_cast<std::size_t>(3 * sample(x, y, 0) + c)];
                      }),
                0)
          << bits;
    }
  }
}

TEST(DecodePng, TruncatedAnywhereIsAnError) {
  for (const bool interlaced : {false, true}) {
    PngSpec spec;
    spec.interlaced = interlaced;
    const std::string file =
        make_png(spec, [](int x, int y, int c) { return x * y * (c + 1) % 251; });
    for (std::size_t size = 8; size < file.size(); ++size) {
      EXPECT_EQ(error_of(file.substr(0, size), "truncated"), ErrorCode::kCorruptFile) << size;
    }
  }
}

TEST(DecodePng, DamagedBytesAreFound) {
  const std::string file = make_png({}, [](int x, int y, int c) { return x * y * (c + 1) % 251; });
  for (std::size_t at = 8; at < file.size(); ++at) {
    std::string damaged = file;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x20);
    try {
      decode(damaged, {1 << 20});
    } catch (const Error&) {
    }
  }
}

TEST(Decode, UnusualSizes) {
  const auto value = [](int x, int y, int c) { return (x + y + c) % 256; };
  for (const auto& [width, height] :
       std::vector<std::pair<int, int>>{{1, 1}, {20000, 10}, {10, 20000}}) {
    PngSpec png;
    png.width = width;
    png.height = height;
    EXPECT_EQ(worst(decode(make_png(png, value)), value), 0);
    JpegSpec jpeg;
    jpeg.width = width;
    jpeg.height = height;
    const Image image = decode(make_jpeg(jpeg, [](int, int, int) { return 99; }));
    EXPECT_EQ(image.width, width);
    EXPECT_EQ(image.height, height);
    EXPECT_LE(worst(image, [](int, int, int) { return 99; }), 2);
  }
}

TEST(Decode, TooManyPixelsAreRefusedFromTheHeader) {
  // A JPEG of 48x32 whose frame header then claims 60000x60000.
  std::string jpeg = make_jpeg({}, smooth);
  const std::size_t frame = jpeg.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  for (const std::size_t at : {frame + 5, frame + 7}) {
    jpeg[at] = static_cast<char>(60000 >> 8);
    jpeg[at + 1] = static_cast<char>(60000 & 255);
  }
  jpeg.resize(50000);
  EXPECT_EQ(error_of(jpeg, "60000x60000"), ErrorCode::kUnsupported);
  EXPECT_EQ(error_of(jpeg, "--max-pixels"), ErrorCode::kUnsupported);

  const std::string png = make_png({}, [](int, int, int) { return 1; });
  EXPECT_EQ(error_of(png, "21x13", {21 * 13 - 1}), ErrorCode::kUnsupported);
  EXPECT_EQ(decode(png, {21 * 13}).width, 21);
}

TEST(Decode, OtherThingsAreNamed) {
  EXPECT_EQ(error_of("", "empty"), ErrorCode::kCorruptFile);
  EXPECT_EQ(error_of("hello", "not an image"), ErrorCode::kCorruptFile);
  EXPECT_EQ(error_of(std::string("\xff\xd8\xff", 3), "JPEG"), ErrorCode::kCorruptFile);
  EXPECT_EQ(error_of("GIF89a....", "GIF"), ErrorCode::kUnsupported);
  EXPECT_EQ(error_of("RIFF\x10\x20\x30\x40WEBPVP8 ", "WebP"), ErrorCode::kUnsupported);
  EXPECT_EQ(error_of("BMxxxxxxxxxxxx", "BMP"), ErrorCode::kUnsupported);
  EXPECT_EQ(error_of(std::string("II*\0abcd", 8), "TIFF"), ErrorCode::kUnsupported);
  EXPECT_EQ(error_of(std::string("\0\0\0\x18"
                                 "ftypheic",
                                 12),
                     "HEIC"),
            ErrorCode::kUnsupported);
  EXPECT_EQ(error_of(std::string("\0\0\0\x18"
                                 "ftypavif",
                                 12),
                     "convert it to JPEG or PNG"),
            ErrorCode::kUnsupported);
}

TEST(ReadImage, FilesAndTheirErrors) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("lasso_decode_test_" + std::to_string(std::rand()));
  std::filesystem::create_directories(folder);
  // The content counts, not the name.
  const std::string path = folder / "picture.jpg";
  std::ofstream(path, std::ios::binary) << make_png({}, [](int x, int, int) { return x; });
  EXPECT_EQ(read_image(path).width, 21);
  std::ofstream(folder / "empty.png").flush();
  const auto code = [](const std::string& file) {
    try {
      read_image(file);
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(file), std::string::npos) << error.what();
      return error.code();
    }
    return ErrorCode::kInternal;
  };
  EXPECT_EQ(code(folder / "empty.png"), ErrorCode::kCorruptFile);
  EXPECT_EQ(code(folder / "missing.png"), ErrorCode::kNotFound);
  EXPECT_EQ(code(folder), ErrorCode::kNotFound);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace lasso
