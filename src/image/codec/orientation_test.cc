// Pictures are turned as EXIF and XMP say, wherever these stand and however the number is stored.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "image/codec/codecs.h"
#include "lasso/image.h"
#include "support/decoding.h"
#include "support/image_files.h"

namespace lasso {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

constexpr int kWidth = 48;  // as stored
constexpr int kHeight = 40;

struct At {
  int x, y;
};

// Pixel (x, y) of the picture as it should be seen lies there in the file: EXIF 2.3, table of
// orientations.
At stored(int orientation, int x, int y) {
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
}

// That a file of smooth() comes out turned so, but for `tolerance`.
void expect_turned(const std::string& file, int orientation, int tolerance) {
  const Image image = decode(file);
  ASSERT_EQ(image.width, orientation >= 5 ? kHeight : kWidth) << orientation;
  ASSERT_EQ(image.height, orientation >= 5 ? kWidth : kHeight) << orientation;
  const auto expected = [&](int x, int y, int c) {
    const At at = stored(orientation, x, y);
    return smooth(at.x, at.y, c);
  };
  EXPECT_LE(worst(image, expected), tolerance) << orientation;
}

std::string jpeg(const std::string& app1) {
  JpegSpec spec;
  spec.width = kWidth;
  spec.height = kHeight;
  spec.app1 = app1;
  return make_jpeg(spec, smooth);
}

std::string png() {
  PngSpec spec;
  spec.width = kWidth;
  spec.height = kHeight;
  return make_png(spec, smooth);
}

// The TIFF part of an Exif segment, as PNG has it.
std::string tiff(int orientation, bool big_endian, int type = 3) {
  return exif_segment(orientation, big_endian, type).substr(6);
}

// SHORT as the standard says; BYTE and LONG, and their signed kin, as some programs write. Pillow
// takes all but BYTE, OpenCV most.
TEST(Orientation, EveryTypeOfIntegerInJpeg) {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    for (const bool big_endian : {false, true}) {
      for (const int type : {1, 3, 4, 6, 8, 9}) {
        SCOPED_TRACE(testing::Message() << "type " << type << ", big endian " << big_endian);
        expect_turned(jpeg(exif_segment(orientation, big_endian, type)), orientation, 8);
      }
    }
  }
}

TEST(Orientation, ExifInPngBeforeAndAfterThePixels) {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    for (const char* before : {"IDAT", "IEND"}) {
      for (const int type : {1, 3, 4}) {
        SCOPED_TRACE(testing::Message() << "before " << before << ", type " << type);
        const bool big_endian = orientation % 2 == 0;
        const std::string chunk = png_chunk("eXIf", tiff(orientation, big_endian, type));
        expect_turned(with_chunk(png(), before, chunk), orientation, 0);
      }
    }
  }
}

TEST(Orientation, ExifInPngTexts) {
  for (const char* before : {"IDAT", "IEND"}) {
    for (const char* type : {"tEXt", "zTXt"}) {
      for (const bool header : {true, false}) {
        const std::string exif = header ? exif_segment(6, true) : tiff(6, true);
        SCOPED_TRACE(testing::Message() << type << " before " << before);
        expect_turned(with_chunk(png(), before, raw_profile_chunk(type, exif)), 6, 0);
      }
    }
  }
}

TEST(Orientation, XmpWhereExifSaysNothing) {
  for (const char* packet :
       {"<rdf:Description tiff:Orientation=\"8\"/>", "<tiff:Orientation>8</tiff:Orientation>"}) {
    expect_turned(jpeg(xmp_segment(packet)), 8, 8);
    const std::string text = std::string("XML:com.adobe.xmp\0\0\0\0\0", 22) + packet;
    for (const char* before : {"IDAT", "IEND"}) {
      const std::string file = with_chunk(png(), before, png_chunk("iTXt", text));
      expect_turned(file, 8, 0);
      expect_turned(with_chunk(file, "IEND", png_chunk("eXIf", tiff(3, false))), 3, 0);
    }
  }
}

// The picture stays as it is, and no error comes of it.
TEST(Orientation, DamagedChunksInPngAreIgnored) {
  std::string damaged = png_chunk("eXIf", tiff(6, false));
  damaged.back() ^= 1;  // its checksum
  const std::string profile = raw_profile_chunk("zTXt", exif_segment(6, true));
  const std::string body = profile.substr(8, profile.size() - 12);
  const std::string text("Raw profile type exif\0", 22);
  for (const std::string& chunk :
       {damaged, png_chunk("eXIf", ""), png_chunk("eXIf", "MM"), png_chunk("tEXt", text),
        png_chunk("zTXt", text), png_chunk("zTXt", text + '\1'),
        png_chunk("zTXt", text + std::string(40, '\0')), png_chunk("zTXt", body.substr(0, 30)),
        png_chunk("tEXt", text + "\nexif\n8\n4d4"), png_chunk("iTXt", "XML:com.adobe.xmp"),
        png_chunk("iTXt", std::string("XML:com.adobe.xmp\0\1\0\0\0xx", 24)),
        png_chunk("iTXt", std::string("XML:com.adobe.xmp\0\0\0\0\0tiff:Orientation=\"", 40))}) {
    expect_turned(with_chunk(png(), "IDAT", chunk), 1, 0);
  }
}

TEST(Orientation, DamagedExifMeansNone) {
  const std::string good = exif_segment(6, true);
  EXPECT_EQ(exif_orientation(good), 6);
  EXPECT_EQ(exif_orientation(good.substr(6)), 6);
  const std::size_t needed =
      good.size() - 4 - 2;  // the next directory's offset and the value's padding
  for (std::size_t size = 0; size < needed; ++size) {
    EXPECT_EQ(exif_orientation(good.substr(0, size)), std::nullopt) << size;
  }
  for (const int value : {0, 9, 65535}) EXPECT_EQ(exif_orientation(exif_segment(value, false)), 1);
  EXPECT_EQ(exif_orientation(exif_segment(6, true, 2)), 1);   // ASCII
  EXPECT_EQ(exif_orientation(exif_segment(6, true, 99)), 1);  // no type of TIFF
  std::string two = good;
  two[two.size() - 9] = 2;  // the number of values
  EXPECT_EQ(exif_orientation(two), 1);
  std::string far = good;
  far[10] = '\x7f';  // the directory's offset
  EXPECT_EQ(exif_orientation(far), std::nullopt);
  std::string xmp = good;
  xmp[0] = 'h';
  EXPECT_EQ(exif_orientation(xmp), std::nullopt);
}

TEST(Orientation, TurnsLargeImagesExactly) {
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

}  // namespace
}  // namespace lasso
