#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "lasso/error.h"
#include "lasso/image.h"
#include "support/log_capture.h"

namespace lasso {
namespace {

using Bytes = std::vector<std::uint8_t>;

Image decode(const std::string& file, const ReadImageOptions& options = {}) {
  return decode_image(reinterpret_cast<const std::uint8_t*>(file.data()), file.size(), "a.ppm",
                      options);
}

// The error of decoding `file`; its message must name the file and hold `part`.
ErrorCode error_of(const std::string& file, const std::string& part,
                   const ReadImageOptions& options = {}) {
  try {
    decode(file, options);
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.find("a.ppm: "), 0u) << message;
    EXPECT_NE(message.find(part), std::string::npos) << message;
    return error.code();
  }
  ADD_FAILURE() << "no error; expected one with \"" << part << "\"";
  return ErrorCode::kInternal;
}

// A value in two bytes, the higher first.
std::string word(unsigned value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 255)};
}

// The range is in the file's own values, whatever its maximum is.
TEST(Netpbm, Range) {
  const std::string values = word(100) + word(600) + word(1100) + word(5000);
  ReadImageOptions options;
  options.range = ValueRange{100, 1100};
  for (const char* most : {"5000", "65535"}) {
    const std::string file = std::string("P5 4 1 ") + most + "\n" + values;
    EXPECT_EQ(decode(file, options).pixels,
              (Bytes{0, 0, 0, 128, 128, 128, 255, 255, 255, 255, 255, 255}));
    const ValueRange found = decode_value_range(reinterpret_cast<const std::uint8_t*>(file.data()),
                                                file.size(), "a.ppm");
    EXPECT_EQ(found, (ValueRange{100, 5000}));
  }
  options.range = ValueRange{1, 3};
  EXPECT_EQ(decode(std::string("P6 1 1 4\n\1\2\4", 12), options).pixels, (Bytes{0, 128, 255}));
}

// Where the maximum says how many bits there are, all is well; where it does not, it is said.
TEST(Netpbm, SmallRangesAreAWarning) {
  test::LogCapture log;
  decode("P5 2 1 4095\n" + word(0) + word(4095));
  decode("P5 2 1 255\n" + std::string("\1\2", 2));
  EXPECT_TRUE(log.take().empty());
  decode("P5 2 1 65535\n" + word(0) + word(4095));
  const std::vector<std::string> warnings = log.take();
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_NE(warnings.front().find("a.ppm: "), std::string::npos);
  EXPECT_NE(warnings.front().find("0:4095"), std::string::npos);
}

TEST(Netpbm, RgbAndGray) {
  const Image rgb = decode("P6\n2 1\n255\nabcxyz");
  EXPECT_EQ(rgb.width, 2);
  EXPECT_EQ(rgb.height, 1);
  EXPECT_EQ(rgb.format, PixelFormat::kRgb);
  EXPECT_EQ(rgb.pixels, (Bytes{'a', 'b', 'c', 'x', 'y', 'z'}));
  const Image gray = decode("P5 1 2 255\nab");
  EXPECT_EQ(gray.height, 2);
  EXPECT_EQ(gray.pixels, (Bytes{'a', 'a', 'a', 'b', 'b', 'b'}));
}

TEST(Netpbm, HeadersInEveryStyle) {
  const Bytes expected{'a', 'b', 'c'};
  for (const char* header : {"P6 1 1 255 ", "P6\t1\v1\f255\r", "P6\n# a comment\n1 1\n255\n",
                             "P6#1 2 3\n1# width\n#\n 1\n255\n", "P6 0001 1 00255\n",
                             "P6\n1 1\n255# the last line of the header\n", "P6 #\r1 1 255 "}) {
    EXPECT_EQ(decode(std::string(header) + "abc").pixels, expected) << header;
  }
  // What looks like white space or a comment after the header is a pixel.
  EXPECT_EQ(decode("P6 1 1 255 \n# ").pixels, (Bytes{'\n', '#', ' '}));
  // Files may hold several images: the first counts.
  EXPECT_EQ(decode("P6 1 1 255\nabcP6 1 1 255\nxyz").pixels, expected);
}

// Pillow's results for all three values of a pixel: round(value / maximum * 255), half to even.
TEST(Netpbm, OtherMaximaComeOutAsWithPillow) {
  EXPECT_EQ(decode(std::string("P6 1 1 1\n") + '\0' + "\x01\x02").pixels, (Bytes{0, 255, 255}));
  EXPECT_EQ(decode("P6 1 1 100\n\x01\x32\x63").pixels, (Bytes{3, 128, 252}));
  EXPECT_EQ(decode("P6 1 1 2\n\x01\x01\x02").pixels, (Bytes{128, 128, 255}));  // of 127.5
  EXPECT_EQ(decode("P6 1 1 6\n\x01\x03\x05").pixels, (Bytes{42, 128, 212}));   // of 42.5, 212.5
  EXPECT_EQ(decode("P6 1 1 254\n\x7f\xfe\xff").pixels, (Bytes{128, 255, 255}));
  EXPECT_EQ(decode("P6 1 1 65535\n" + word(0x1234) + word(0xff7f) + word(0xffff)).pixels,
            (Bytes{18, 255, 255}));
  EXPECT_EQ(decode("P6 1 1 256\n" + word(1) + word(128) + word(300)).pixels, (Bytes{1, 128, 255}));
  EXPECT_EQ(decode("P5 1 1 1023\n" + word(512)).pixels, (Bytes{128, 128, 128}));
  for (int value = 0; value < 256; ++value) {
    const auto byte = static_cast<std::uint8_t>(value);
    EXPECT_EQ(decode(std::string("P5 1 1 255\n") + static_cast<char>(byte)).pixels[0], byte);
  }
}

TEST(Netpbm, DamagedHeaders) {
  for (const char* file :
       {"P6 ", "P6 1", "P6 1 ", "P6 1 1", "P6 1 1 255", "P6 # 1 1 255\n", "P6 1 1 #"}) {
    EXPECT_EQ(error_of(file, "header is truncated"), ErrorCode::kCorruptFile) << file;
  }
  EXPECT_EQ(error_of("P6 x 1 255\nabc", "width is not a decimal number"), ErrorCode::kCorruptFile);
  EXPECT_EQ(error_of("P6 1 -1 255\nabc", "height is not a decimal number"),
            ErrorCode::kCorruptFile);
  EXPECT_EQ(error_of("P6 1 1 2x5\nabc", "largest value is not"), ErrorCode::kCorruptFile);
  EXPECT_EQ(error_of("P6 0 1 255\nabc", "width is 0"), ErrorCode::kCorruptFile);
  EXPECT_EQ(error_of("P6 1 1 0\nabc", "largest value is 0"), ErrorCode::kCorruptFile);
  EXPECT_EQ(error_of("P6 1 1 65536\nabc", "65536; expected 1 to 65535"), ErrorCode::kCorruptFile);
  EXPECT_EQ(error_of("P6 4294967297 1 255\nabc", "4294967297"), ErrorCode::kCorruptFile);
  EXPECT_EQ(error_of("P6 1 " + std::string(100, '9') + " 255\nabc", "height is 9999"),
            ErrorCode::kCorruptFile);
  EXPECT_EQ(error_of("P6x 1 1 255\nabc", "not an image"), ErrorCode::kCorruptFile);
  EXPECT_EQ(error_of("P6", "not an image"), ErrorCode::kCorruptFile);
}

TEST(Netpbm, SizesAreCheckedBeforeMemoryIsAskedFor) {
  EXPECT_EQ(error_of("P6 60000 60000 255\nabc", "60000x60000"), ErrorCode::kUnsupported);
  EXPECT_EQ(error_of("P6 2147483647 2147483647 65535\nabc", "truncated", {INT64_MAX}),
            ErrorCode::kCorruptFile);
  EXPECT_EQ(error_of("P5 2 1 255\nab", "--max-pixels", {1}), ErrorCode::kUnsupported);
  const std::string whole = "P6 3 2 65535\n" + std::string(36, 'x');
  EXPECT_EQ(decode(whole).width, 3);
  for (std::size_t length = 13; length < whole.size(); ++length) {
    EXPECT_EQ(error_of(whole.substr(0, length), "truncated"), ErrorCode::kCorruptFile);
  }
}

TEST(Netpbm, RelatedFormatsAreNamed) {
  EXPECT_EQ(error_of("P3\n1 1\n255\n1 2 3\n", "plain-text PPM"), ErrorCode::kUnsupported);
  EXPECT_EQ(error_of("P4\n1 1\nx", "PBM"), ErrorCode::kUnsupported);
  EXPECT_EQ(error_of("P7\nWIDTH 1\n", "PAM"), ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace lasso
