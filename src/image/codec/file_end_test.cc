// Files that end early: an error where pixels are missing, else a picture and a warning.
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

#include "lasso/error.h"
#include "lasso/image.h"
#include "support/decoding.h"
#include "support/image_files.h"
#include "support/log_capture.h"

namespace lasso {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

// A picture whose pixels differ, of all values that the depth has.
std::string fine_png(const PngSpec& spec) {
  const int step = spec.bits == 16 ? 261 : 1;
  return make_png(spec, [=](int x, int y, int c) { return x * y * (c + 1) % 251 * step; });
}

Image decode_without_warning(const std::string& file) {
  LogCapture log;
  Image image = decode(file);
  EXPECT_TRUE(log.take().empty());
  return image;
}

// That the file is decoded, with one warning that names it and holds `part`.
Image decode_with_warning(const std::string& file, const std::string& part) {
  LogCapture log;
  Image image = decode(file);
  const std::vector<std::string> warnings = log.take();
  EXPECT_EQ(warnings.size(), 1U);
  if (warnings.empty()) return image;
  EXPECT_EQ(warnings.front().find("a.bin: "), 0U) << warnings.front();
  EXPECT_NE(warnings.front().find(part), std::string::npos) << warnings.front();
  return image;
}

std::vector<JpegSpec> jpeg_kinds() {
  std::vector<JpegSpec> kinds(4);
  kinds[1].progressive = true;
  kinds[2].interleaved = false;
  kinds[3].restart_rows = 1;
  return kinds;
}

TEST(JpegEnd, MissingMarkerIsAWarning) {
  for (const JpegSpec& spec : jpeg_kinds()) {
    const std::string file = make_jpeg(spec, smooth);
    const Image whole = decode_without_warning(file);
    for (const std::size_t cut : {1, 2}) {
      const std::string part = file.substr(0, file.size() - cut);
      EXPECT_EQ(decode_with_warning(part, "EOI").pixels, whole.pixels) << cut;
    }
    // As cameras and recovered files have it.
    const std::string padded = file.substr(0, file.size() - 2) + std::string(300, '\0');
    EXPECT_EQ(decode_with_warning(padded, "EOI").pixels, whole.pixels);
  }
}

TEST(JpegEnd, MissingPixelsAreAnError) {
  for (const JpegSpec& spec : jpeg_kinds()) {
    const std::string file = make_jpeg(spec, smooth);
    for (std::size_t size = 3; size < file.size() - 2; size += size < 700 ? 1 : 13) {
      EXPECT_EQ(decode_error(file.substr(0, size), "JPEG"), ErrorCode::kCorruptFile) << size;
    }
    // Whole scans are missing, and no bit of those that are there.
    for (std::size_t at = file.find("\xff\xda"); at != std::string::npos;
         at = file.find("\xff\xda", at + 1)) {
      EXPECT_EQ(decode_error(file.substr(0, at), "JPEG"), ErrorCode::kCorruptFile) << at;
    }
    EXPECT_EQ(decode_error(file.substr(0, file.size() - 4), "truncated"), ErrorCode::kCorruptFile);
  }
}

TEST(JpegEnd, BytesAfterTheEndAreIgnored) {
  const std::string file = make_jpeg({}, smooth) + std::string(100, 'x');
  EXPECT_LE(worst(decode_without_warning(file), smooth), 8);
}

std::vector<PngSpec> png_kinds() {
  std::vector<PngSpec> kinds;
  for (const bool interlaced : {false, true}) {
    for (const int bits : {8, 16}) {
      PngSpec spec;
      spec.interlaced = interlaced;
      spec.bits = bits;
      kinds.push_back(spec);
    }
  }
  return kinds;
}

constexpr std::size_t kEnd = 12;      // bytes of IEND
constexpr std::size_t kCrc = 4;       // of the pixels' last chunk
constexpr std::size_t kChecksum = 4;  // zlib's, of the pixels

TEST(PngEnd, MissingOrDamagedEndIsAWarning) {
  for (const PngSpec& spec : png_kinds()) {
    const std::string file = fine_png(spec);
    const Image whole = decode_without_warning(file);
    for (std::size_t cut = 1; cut <= kEnd + kCrc + kChecksum; ++cut) {
      const std::string part = file.substr(0, file.size() - cut);
      EXPECT_EQ(decode_with_warning(part, "IEND").pixels, whole.pixels) << cut;
    }
    for (std::size_t at = file.size() - kEnd; at < file.size(); ++at) {
      std::string damaged = file;
      damaged[at] = static_cast<char>(damaged[at] ^ 0x20);
      EXPECT_EQ(decode_with_warning(damaged, "IEND").pixels, whole.pixels) << at;
    }
    // A text behind the pixels that is cut off, and one that is damaged.
    const std::string text = png_chunk("tEXt", std::string("Comment\0made", 12));
    const std::string longer = with_chunk(file, "IEND", text);
    EXPECT_EQ(decode_without_warning(longer).pixels, whole.pixels);
    const std::size_t end = longer.size() - kEnd;
    EXPECT_EQ(decode_with_warning(longer.substr(0, end - 7), "IEND").pixels, whole.pixels);
    std::string damaged = longer;
    damaged[end - 6] = '?';
    EXPECT_EQ(decode_with_warning(damaged, "IEND").pixels, whole.pixels);
  }
}

// zlib's checksum in a chunk of its own, which is missing.
TEST(PngEnd, MissingBehindThePixelsIsAWarning) {
  for (const PngSpec& spec : png_kinds()) {
    const std::string file = fine_png(spec);
    const std::size_t begin = file.find("IDAT") + 4;
    const std::size_t end = file.size() - kEnd - kCrc;
    const std::string head =
        file.substr(0, begin - 8) + png_chunk("IDAT", file.substr(begin, end - kChecksum - begin));
    const std::string rest = png_chunk("IDAT", file.substr(end - kChecksum, kChecksum));
    const Image whole = decode_without_warning(head + rest + file.substr(file.size() - kEnd));
    for (std::size_t kept = 0; kept < rest.size(); ++kept) {
      EXPECT_EQ(decode_with_warning(head + rest.substr(0, kept), "IEND").pixels, whole.pixels)
          << kept;
    }
  }
}

TEST(PngEnd, MissingPixelsAreAnError) {
  for (const PngSpec& spec : png_kinds()) {
    const std::string file = fine_png(spec);
    // The last bits of the pixels lie in the byte before the checksums, or the one before that.
    for (std::size_t size = 8; size < file.size() - kEnd - kCrc - kChecksum - 2; ++size) {
      EXPECT_EQ(decode_error(file.substr(0, size), "truncated"), ErrorCode::kCorruptFile) << size;
    }
  }
}

TEST(PngEnd, DamagedPixelsAreAnError) {
  for (const PngSpec& spec : png_kinds()) {
    const std::string file = fine_png(spec);
    const std::size_t begin = file.find("IDAT") + 4;
    const std::size_t end = file.size() - kEnd;
    for (std::size_t at = begin; at < end; ++at) {
      std::string damaged = file;
      damaged[at] = static_cast<char>(damaged[at] ^ 0x20);
      EXPECT_EQ(decode_error(damaged, "damaged"), ErrorCode::kCorruptFile) << at;
    }
  }
}

}  // namespace
}  // namespace lasso
