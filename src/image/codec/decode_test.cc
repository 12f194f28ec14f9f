#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lasso/error.h"
#include "lasso/image.h"
#include "support/decoding.h"
#include "support/errors.h"
#include "support/files.h"
#include "support/image_files.h"

namespace lasso {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

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

// Inks are inverted, with Adobe's marker or without: as Pillow's convert("RGB") and OpenCV's imread
// have it.
TEST(DecodeJpeg, InksOfCmyk) {
  for (const bool ycck : {false, true}) {
    for (const bool adobe : {true, false}) {
      if (ycck && !adobe) continue;  // nothing else tells of YCCK
      JpegSpec spec;
      spec.components = 4;
      spec.adobe_marker = adobe;
      spec.ycck = ycck;
      // Cyan 80, magenta 3x, yellow 40, black 5y, as ink.
      const auto ink = [](int x, int y, int c) {
        return c == 0 ? 80 : c == 1 ? 3 * x : c == 2 ? 40 : 5 * y;
      };
      const Image image =
          decode(make_jpeg(spec, [&](int x, int y, int c) { return 255 - ink(x, y, c); }));
      const auto expected = [&](int x, int y, int c) {
        return (255 - ink(x, y, c)) * (255 - ink(x, y, 3)) / 255;
      };
      EXPECT_LE(worst(image, expected), 8) << "ycck " << ycck << ", adobe " << adobe;
    }
  }
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
  EXPECT_EQ(decode_error(jpeg, "60000x60000"), ErrorCode::kUnsupported);
  EXPECT_EQ(decode_error(jpeg, "--max-pixels"), ErrorCode::kUnsupported);

  const std::string png = make_png({}, [](int, int, int) { return 1; });
  EXPECT_EQ(decode_error(png, "21x13", {21 * 13 - 1}), ErrorCode::kUnsupported);
  EXPECT_EQ(decode(png, {21 * 13}).width, 21);
}

TEST(Decode, OtherThingsAreNamed) {
  EXPECT_EQ(decode_error("", "empty"), ErrorCode::kCorruptFile);
  EXPECT_EQ(decode_error("hello", "not an image"), ErrorCode::kCorruptFile);
  EXPECT_EQ(decode_error(std::string("\xff\xd8\xff", 3), "JPEG"), ErrorCode::kCorruptFile);
  EXPECT_EQ(decode_error("GIF89a....", "GIF"), ErrorCode::kUnsupported);
  EXPECT_EQ(decode_error("RIFF\x10\x20\x30\x40WEBPVP8 ", "WebP"), ErrorCode::kUnsupported);
  EXPECT_EQ(decode_error("BMxxxxxxxxxxxx", "BMP"), ErrorCode::kUnsupported);
  EXPECT_EQ(decode_error(std::string("II*\0abcd", 8), "TIFF"), ErrorCode::kUnsupported);
  EXPECT_EQ(decode_error(std::string("\0\0\0\x18"
                                     "ftypheic",
                                     12),
                         "HEIC"),
            ErrorCode::kUnsupported);
  EXPECT_EQ(decode_error(std::string("\0\0\0\x18"
                                     "ftypavif",
                                     12),
                         "convert it to JPEG or PNG"),
            ErrorCode::kUnsupported);
}

TEST(ReadImage, FilesAndTheirErrors) {
  const TempDir folder;
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
  EXPECT_EQ(code(folder / ""), ErrorCode::kNotFound);
}

// A camera rewrites its snapshot: an error or a picture, and the process goes on.
TEST(ReadImage, FilesMayShrinkWhileTheyAreRead) {
  const TempDir folder;
  const std::string path = folder / "snapshot.png";
  PngSpec spec;
  spec.width = 300;
  spec.height = 300;
  const std::string file =
      make_png(spec, [](int x, int y, int c) { return (x * y * (c + 1)) % 251; });
  write_bytes(path, file);
  std::atomic<bool> done{false};
  std::thread camera([&] {
    while (!done) {
      std::filesystem::resize_file(path, 100);
      write_bytes(path, file);
    }
  });
  ReadImageOptions options;
  options.warnings = false;
  for (int i = 0; i < 300; ++i) {
    try {
      EXPECT_EQ(read_image(path, options).width, 300);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCorruptFile) << error.what();
    }
  }
  done = true;
  camera.join();
}

TEST(ReadImage, TooManyBytesAreRefused) {
  const TempDir folder;
  const std::string file = make_png({}, [](int, int, int) { return 1; });
  write_bytes(folder / "a.png", file);
  ReadImageOptions options;
  options.max_file_bytes = static_cast<std::int64_t>(file.size());
  EXPECT_EQ(read_image(folder / "a.png", options).width, 21);
  --options.max_file_bytes;
  EXPECT_EQ(code_of([&] { read_image(folder / "a.png", options); }, "a.png: has more than"),
            ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace lasso
