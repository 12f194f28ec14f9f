#include "image/letterbox.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "core/threads.h"
#include "formats/npy/npy.h"
#include "lasso/error.h"
#include "support/errors.h"
#include "support/files.h"
#include "support/random_image.h"

namespace lasso {
namespace {

using test::random_image;

std::vector<float> letterboxed(const ImageView& image, const Letterbox& box) {
  LetterboxScratch scratch;
  std::vector<float> out(3 * static_cast<std::size_t>(box.input_width * box.input_height), -1.0F);
  letterbox_image(box, image, scratch, out.data());
  return out;
}

// Where a value of an array of rows is.
std::size_t place(int row, int width, int column) {
  return static_cast<std::size_t>(row) * static_cast<std::size_t>(width) +
         static_cast<std::size_t>(column);
}

// As numbers of 8 bits.
int level(float value) {
  const float scaled = value * 255.0F;
  EXPECT_NEAR(scaled, std::round(scaled), 1e-4);
  return static_cast<int>(std::lround(scaled));
}

void expect_box(const Letterbox& box, int resized_width, int resized_height, int left, int top,
                int input_width, int input_height) {
  EXPECT_EQ(box.resized_width, resized_width);
  EXPECT_EQ(box.resized_height, resized_height);
  EXPECT_EQ(box.left, left);
  EXPECT_EQ(box.top, top);
  EXPECT_EQ(box.input_width, input_width);
  EXPECT_EQ(box.input_height, input_height);
}

// Of the original's letterbox(), by Python.
TEST(Letterbox, HasTheSizesOfTheOriginal) {
  expect_box(letterbox_of(900, 600, {320, 320, 0}), 320, 213, 0, 53, 320, 320);
  expect_box(letterbox_of(800, 534, {320, 320, 0}), 320, 214, 0, 53, 320, 320);
  expect_box(letterbox_of(1920, 1080, {640, 640, 32}), 640, 360, 0, 12, 640, 384);
  expect_box(letterbox_of(1080, 1920, {1280, 1280, 64}), 720, 1280, 24, 0, 768, 1280);
  expect_box(letterbox_of(810, 1080, {640, 640, 32}), 480, 640, 0, 0, 480, 640);
  expect_box(letterbox_of(100, 70, {640, 384, 0}), 549, 384, 45, 0, 640, 384);
  // Halves go to the even number: 333 / 2 is 166.5.
  expect_box(letterbox_of(640, 333, {320, 320, 0}), 320, 166, 0, 77, 320, 320);
  expect_box(letterbox_of(640, 335, {320, 320, 32}), 320, 168, 0, 12, 320, 192);
}

TEST(Letterbox, TakesThinImages) {
  expect_box(letterbox_of(5000, 1, {640, 640, 32}), 640, 1, 0, 15, 640, 32);
  expect_box(letterbox_of(1, 5000, {640, 640, 0}), 1, 640, 319, 0, 640, 640);
  const Image row = random_image(300, 1, PixelFormat::kGray, 1);
  const Letterbox box = letterbox_of(300, 1, {64, 64, 32});
  const std::vector<float> out = letterboxed(row.view(), box);
  EXPECT_EQ(level(out[0]), 114);
  EXPECT_EQ(level(out.back()), 114);
  const Image point = random_image(1, 1, PixelFormat::kRgb, 2);
  const std::vector<float> all = letterboxed(point.view(), letterbox_of(1, 1, {32, 32, 32}));
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(level(all[i]), point.pixels[i / 1024]);
}

TEST(Letterbox, RefusesWhatIsEmpty) {
  EXPECT_ERROR(letterbox_of(0, 5, {}), ErrorCode::kInvalidArgument, "0x5");
  EXPECT_ERROR(letterbox_of(5, 5, {0, 64, 0}), ErrorCode::kInvalidArgument, "0x64");
}

// Interpolation in double precision at pixel centres; rows and columns outside are those at the
// edge.
double interpolated(const Image& image, int channel, double x, double y) {
  const auto pixel = [&](double column, double row) {
    const int cx = std::clamp(static_cast<int>(column), 0, image.width - 1);
    const int cy = std::clamp(static_cast<int>(row), 0, image.height - 1);
    return static_cast<double>(image.pixels[place(cy, 3 * image.width, 3 * cx + channel)]);
  };
  const double x0 = std::floor(x);
  const double y0 = std::floor(y);
  const double upper = pixel(x0, y0) * (1 - x + x0) + pixel(x0 + 1, y0) * (x - x0);
  const double lower = pixel(x0, y0 + 1) * (1 - x + x0) + pixel(x0 + 1, y0 + 1) * (x - x0);
  return upper * (1 - y + y0) + lower * (y - y0);
}

// Weights of 11 bits, and two roundings down, of 8 bits and 6 more, may take a level off.
void expect_interpolated(const Image& image, const LetterboxTarget& target) {
  const Letterbox box = letterbox_of(image.width, image.height, target);
  const std::vector<float> out = letterboxed(image.view(), box);
  std::size_t at = 0;
  for (int c = 0; c < 3; ++c) {
    for (int y = 0; y < box.input_height; ++y) {
      for (int x = 0; x < box.input_width; ++x, ++at) {
        const int column = x - box.left;
        const int row = y - box.top;
        if (column < 0 || column >= box.resized_width || row < 0 || row >= box.resized_height) {
          ASSERT_EQ(level(out[at]), 114) << x << ", " << y;
          continue;
        }
        const double from_x = (column + 0.5) * image.width / box.resized_width - 0.5;
        const double from_y = (row + 0.5) * image.height / box.resized_height - 0.5;
        ASSERT_NEAR(level(out[at]), interpolated(image, c, from_x, from_y), 1.0) << x << ", " << y;
      }
    }
  }
}

TEST(Letterbox, Interpolates) {
  expect_interpolated(random_image(50, 37, PixelFormat::kRgb, 1), {32, 32, 0});   // smaller
  expect_interpolated(random_image(50, 37, PixelFormat::kRgb, 2), {96, 96, 32});  // larger
  expect_interpolated(random_image(64, 64, PixelFormat::kRgb, 3), {32, 32, 32});  // half
  expect_interpolated(random_image(2, 90, PixelFormat::kRgb, 4), {64, 64, 0});
}

TEST(Letterbox, KeepsPixelsOfTheSameSize) {
  const Image image = random_image(33, 21, PixelFormat::kRgb, 5);
  const Letterbox box = letterbox_of(33, 21, {33, 33, 0});
  const std::vector<float> out = letterboxed(image.view(), box);
  for (int c = 0; c < 3; ++c) {
    for (int y = 0; y < 21; ++y) {
      for (int x = 0; x < 33; ++x) {
        const std::size_t to = place(c * 33 + y + box.top, 33, x);
        ASSERT_EQ(level(out[to]), image.pixels[place(y, 3 * 33, 3 * x + c)]);
      }
    }
  }
}

TEST(Letterbox, FormatsStridesAndThreadsGiveTheSame) {
  const Image rgb = random_image(61, 40, PixelFormat::kRgb, 6);
  const Letterbox box = letterbox_of(61, 40, {96, 96, 32});
  const std::vector<float> expected = letterboxed(rgb.view(), box);
  for (const PixelFormat format : {PixelFormat::kBgr, PixelFormat::kRgba, PixelFormat::kBgra}) {
    const int step = channels(format);
    const int stride = 61 * step + 7;
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(stride * 40), 9);
    const bool swapped = format == PixelFormat::kBgr || format == PixelFormat::kBgra;
    for (int y = 0; y < 40; ++y) {
      for (int x = 0; x < 61; ++x) {
        for (int c = 0; c < 3; ++c) {
          bytes[place(y, stride, x * step + (swapped ? 2 - c : c))] =
              rgb.pixels[place(y, 3 * 61, 3 * x + c)];
        }
      }
    }
    EXPECT_EQ(letterboxed({bytes.data(), 61, 40, stride, format}, box), expected);
  }
  for (const int threads : {1, 3}) {
    const ThreadLimit limit(threads);
    EXPECT_EQ(letterboxed(rgb.view(), box), expected);
  }
}

TEST(Letterbox, BoxesGoBack) {
  const Letterbox box = letterbox_of(900, 600, {320, 320, 0});
  // gain = 320 / 900; the border above is (320 - 600 gain) / 2 = 53.3333, not the 53 of the image.
  const Box back = box_in_image(box, {10, 60, 200, 250});
  EXPECT_NEAR(back.x0, 28.125, 1e-4);
  EXPECT_NEAR(back.y0, 18.75, 1e-4);
  EXPECT_NEAR(back.x1, 562.5, 1e-3);
  EXPECT_NEAR(back.y1, 553.125, 1e-3);
  const Box clipped = box_in_image(box, {-5, 0, 330, 320});
  EXPECT_EQ(clipped.x0, 0);
  EXPECT_EQ(clipped.y0, 0);
  EXPECT_EQ(clipped.x1, 900);
  EXPECT_EQ(clipped.y1, 600);
}

TEST(Letterbox, MatchesTheOriginal) {
  for (const std::string name : {"yolov7_micro", "yolov7_tiny_micro"}) {
    const std::string folder = test::golden_path(name);
    if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is absent";
    const Image image = read_image(folder + "/image.png");
    const Tensor expected = read_npy(folder + "/letterboxed_bgr.npy");
    const Tensor input = read_npy(folder + "/input.npy");
    const auto* bgr = static_cast<const std::uint8_t*>(expected.data.get());
    const auto* values = static_cast<const float*>(input.data.get());
    const std::vector<float> out =
        letterboxed(image.view(), letterbox_of(image.width, image.height, {320, 320, 0}));
    const std::size_t plane = std::size_t{320} * 320;
    int different = 0;
    for (std::size_t i = 0; i < 3 * plane; ++i) {
      const int original = bgr[i % plane * 3 + 2 - i / plane];
      ASSERT_NEAR(level(out[i]), original, 1) << name << " at " << i;
      if (level(out[i]) != original) {
        ++different;
      } else {
        ASSERT_EQ(out[i], values[i]) << name << " at " << i;
      }
    }
    EXPECT_LE(different, 0) << name;
  }
}

}  // namespace
}  // namespace lasso
