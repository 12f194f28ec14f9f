// Which of a file's values become 0 and 255.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "image/value_range.h"
#include "lasso/error.h"
#include "lasso/image.h"
#include "support/decoding.h"
#include "support/errors.h"
#include "support/image_files.h"
#include "support/log_capture.h"

namespace lasso {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

ReadImageOptions in_range(int low, int high) {
  ReadImageOptions options;
  options.range = ValueRange{low, high};
  return options;
}

ValueRange values_of(const std::string& file) {
  return decode_value_range(reinterpret_cast<const std::uint8_t*>(file.data()), file.size(),
                            "a.bin");
}

// A gray picture of 16 bits with values from `low` to `high`.
std::string png16(int low, int high, bool interlaced = false) {
  PngSpec spec;
  spec.bits = 16;
  spec.color_type = 0;
  spec.interlaced = interlaced;
  return make_png(spec, [=](int x, int y, int) {
    return low + (high - low) * (x + y) / (spec.width - 1 + spec.height - 1);
  });
}

TEST(ValueRange, RoundsToTheNearestAndClamps) {
  const ValueRange range{100, 1100};
  EXPECT_EQ(scale_value(0, range), 0);
  EXPECT_EQ(scale_value(100, range), 0);
  EXPECT_EQ(scale_value(101, range), 0);     // 0.255
  EXPECT_EQ(scale_value(102, range), 1);     // 0.51
  EXPECT_EQ(scale_value(600, range), 128);   // 127.5, a half
  EXPECT_EQ(scale_value(1098, range), 254);  // 254.49
  EXPECT_EQ(scale_value(1099, range), 255);
  EXPECT_EQ(scale_value(65535, range), 255);
  EXPECT_EQ(scale_value(65534, {0, 65535}), 255);
  EXPECT_EQ(scale_value(5, {4, 5}), 255);
}

TEST(ValueRange, SixteenBitsOfPng) {
  for (const bool interlaced : {false, true}) {
    const std::string file = png16(0, 4095, interlaced);
    const auto value = [](int x, int y) { return 4095 * (x + y) / 32; };
    const Image image = decode(file, in_range(0, 4095));
    EXPECT_EQ(worst(image, [&](int x, int y, int) { return (value(x, y) * 510 + 4095) / 8190; }),
              0);
    ASSERT_TRUE(image.range.has_value());
    EXPECT_EQ(*image.range, (ValueRange{0, 4095}));
    EXPECT_EQ(*image.view().range, (ValueRange{0, 4095}));
    // The whole range: the upper byte, as Pillow and OpenCV have it.
    const Image whole = decode(file);
    EXPECT_EQ(worst(whole, [&](int x, int y, int) { return value(x, y) >> 8; }), 0);
    EXPECT_FALSE(whole.range.has_value());
    EXPECT_EQ(values_of(file), (ValueRange{0, 4095}));
  }
}

TEST(ValueRange, AlphaDoesNotCount) {
  PngSpec spec;
  spec.bits = 16;
  spec.color_type = 6;
  const std::string file =
      make_png(spec, [](int x, int, int c) { return c == 3 ? 65535 : 1000 + 10 * x + c; });
  EXPECT_EQ(values_of(file), (ValueRange{1000, 1202}));
  const Image image = decode(file, in_range(1000, 1255));
  EXPECT_EQ(worst(image, [](int x, int, int c) { return 10 * x + c; }), 0);
}

TEST(ValueRange, EightBits) {
  const auto sample = [](int x, int y, int c) { return 50 + x + 2 * y + c; };
  const std::string file = make_png({}, sample);
  EXPECT_EQ(values_of(file), (ValueRange{50, 50 + 20 + 24 + 2}));
  const Image image = decode(file, in_range(60, 85));
  EXPECT_EQ(worst(image,
                  [&](int x, int y, int c) {
                    return (std::clamp(sample(x, y, c) - 60, 0, 25) * 510 + 25) / 50;
                  }),
            0);
  EXPECT_EQ(decode(file, in_range(0, 255)).pixels, decode(file).pixels);
  const std::string jpeg = make_jpeg({}, smooth);
  const Image plain = decode(jpeg);
  const auto [low, high] = std::minmax_element(plain.pixels.begin(), plain.pixels.end());
  EXPECT_EQ(values_of(jpeg), (ValueRange{*low, *high}));
  const Image scaled = decode(jpeg, in_range(20, 220));
  EXPECT_EQ(worst(scaled,
                  [&](int x, int y, int c) {
                    return (std::clamp(channel(plain, x, y, c) - 20, 0, 200) * 510 + 200) / 400;
                  }),
            0);
}

// Values of a depth below 8 bits, and of palettes, count as 8 bits.
TEST(ValueRange, FewBits) {
  PngSpec spec;
  spec.bits = 2;
  spec.color_type = 0;
  const std::string file = make_png(spec, [](int x, int, int) { return x % 2 + 1; });
  EXPECT_EQ(values_of(file), (ValueRange{85, 170}));
  EXPECT_EQ(worst(decode(file, in_range(85, 170)), [](int x, int, int) { return x % 2 * 255; }), 0);
}

// Names the range of the values: 10, 12 and 14 bits in 16, and small ranges anywhere.
TEST(ValueRange, SmallRangesOfSixteenBitsAreAWarning) {
  struct Case {
    int low, high;
    bool warns;
  };
  for (const auto& [low, high, warns] :
       {Case{0, 1023, true}, Case{0, 4095, true}, Case{7, 16383, true}, Case{30000, 34000, true},
        Case{0, 65535, false}, Case{0, 32767, false}, Case{500, 500, false}, Case{0, 0, false}}) {
    LogCapture log;
    decode(png16(low, high));
    const std::vector<std::string> warnings = log.take();
    ASSERT_EQ(warnings.size(), warns ? 1U : 0U) << low << " to " << high;
    if (warns) {
      const std::string& text = warnings.front();
      EXPECT_EQ(text.find("a.bin: "), 0U) << text;
      EXPECT_NE(text.find(std::to_string(low) + ":" + std::to_string(high)), std::string::npos)
          << text;
    }
    decode(png16(low, high), in_range(0, 4095));
    ReadImageOptions quiet;
    quiet.warnings = false;
    decode(png16(low, high), quiet);
    EXPECT_TRUE(log.take().empty());
  }
  LogCapture log;
  decode(make_png({}, [](int, int, int c) { return c; }));  // of 8 bits, dark pictures are common
  EXPECT_TRUE(log.take().empty());
}

TEST(ValueRange, ImpossibleRangesAreRefused) {
  const std::string file = make_png({}, [](int, int, int) { return 1; });
  for (const ValueRange range :
       {ValueRange{5, 5}, ValueRange{6, 5}, ValueRange{-1, 5}, ValueRange{0, 65536}}) {
    EXPECT_ERROR(decode(file, in_range(range.low, range.high)), ErrorCode::kInvalidArgument,
                 fmt::format("range {}:{}", range.low, range.high));
  }
}

}  // namespace
}  // namespace lasso
