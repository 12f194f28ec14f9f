#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/threads.h"
#include "lasso/error.h"
#include "lasso/mask.h"

namespace lasso {
namespace {

Image flat(int width, int height, PixelFormat format, std::uint8_t value) {
  const auto size = static_cast<std::size_t>(width * height * channels(format));
  return {width, height, format, std::vector<std::uint8_t>(size, value)};
}

Mask disc(int width, int height, double x0, double y0, double radius) {
  Mask mask{width, height, {}};
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) mask.data.push_back(std::hypot(x - x0, y - y0) < radius);
  }
  return mask;
}

Rgb at(const Image& image, int x, int y) {
  const std::uint8_t* p = image.pixels.data() + 3 * (y * image.width + x);
  return {p[0], p[1], p[2]};
}

void expect_near(Rgb actual, int r, int g, int b, int tolerance = 3) {
  EXPECT_NEAR(actual.r, r, tolerance);
  EXPECT_NEAR(actual.g, g, tolerance);
  EXPECT_NEAR(actual.b, b, tolerance);
}

TEST(Overlay, FillIsTranslucentAndTheRestUntouched) {
  const Image image = flat(400, 300, PixelFormat::kRgb, 100);
  const Mask mask = disc(400, 300, 200, 150, 80);
  const Image out = draw_overlay(image.view(), {{&mask, nullptr, {200, 0, 100}}});
  ASSERT_EQ(out.width, 400);
  ASSERT_EQ(out.height, 300);
  EXPECT_EQ(out.format, PixelFormat::kRgb);
  // 45% of the colour.
  expect_near(at(out, 200, 150), 145, 55, 100);
  expect_near(at(out, 230, 170), 145, 55, 100);
  expect_near(at(out, 20, 20), 100, 100, 100, 0);
  // The outline's middle has the pure colour, and a light ring outside it.
  expect_near(at(out, 280, 150), 200, 0, 100, 60);
  int brightest = 0;
  for (int x = 278; x < 288; ++x) brightest = std::max<int>(brightest, at(out, x, 150).g);
  EXPECT_GT(brightest, 120);
}

TEST(Overlay, FillsAsOpaqueAsAskedFor) {
  const Image image = flat(400, 300, PixelFormat::kRgb, 100);
  const Mask whole = disc(400, 300, 200, 150, 120);
  const Mask part = disc(400, 300, 200, 150, 50);
  OverlayItem faint{&whole, nullptr, {200, 0, 100}};
  faint.fill = 0.25f;
  OverlayItem line{&part, nullptr, {0, 0, 250}};
  line.fill = 0.0f;
  const Image out = draw_overlay(image.view(), {faint, line});
  expect_near(at(out, 200, 70), 125, 75, 100, 1);
  expect_near(at(out, 200, 150), 125, 75, 100, 1);
  expect_near(at(out, 250, 150), 0, 0, 250, 60);  // the part's outline
  line.fill = 1.0f;
  expect_near(at(draw_overlay(image.view(), {faint, line}), 200, 150), 0, 0, 250, 1);
  for (const float fill : {-0.1f, 1.1f, std::nanf("")}) {
    line.fill = fill;
    EXPECT_THROW(draw_overlay(image.view(), {line}), Error);
  }
}

TEST(Overlay, TakesEveryFormatAndStride) {
  const Mask mask = disc(60, 50, 30, 25, 15);
  const Image rgb = flat(60, 50, PixelFormat::kRgb, 80);
  const Image expected = draw_overlay(rgb.view(), {{&mask, nullptr, {10, 200, 30}}});
  for (const PixelFormat format :
       {PixelFormat::kBgr, PixelFormat::kRgba, PixelFormat::kBgra, PixelFormat::kGray}) {
    const Image image = flat(60, 50, format, 80);
    EXPECT_EQ(draw_overlay(image.view(), {{&mask, nullptr, {10, 200, 30}}}).pixels,
              expected.pixels);
  }
  const Image wide = flat(100, 50, PixelFormat::kRgb, 80);
  const ImageView part{wide.pixels.data() + 30, 60, 50, 300, PixelFormat::kRgb};
  EXPECT_EQ(draw_overlay(part, {{&mask, nullptr, {10, 200, 30}}}).pixels, expected.pixels);
}

TEST(Overlay, PointsAndBoxes) {
  const Image image = flat(1000, 800, PixelFormat::kRgb, 128);
  Prompt prompt;
  prompt.points = {{300, 200, PointLabel::kForeground}, {600, 500, PointLabel::kBackground}};
  prompt.box = Box{700, 100, 900, 300};
  const Image out = draw_overlay(image.view(), {{nullptr, &prompt, {0, 0, 255}}});
  expect_near(at(out, 300, 200), 255, 255, 255);  // the plus
  expect_near(at(out, 600, 500), 255, 255, 255);  // the minus
  const Rgb green = at(out, 303, 203);
  EXPECT_GT(green.g, green.r + 60);
  const Rgb red = at(out, 600, 504);
  EXPECT_GT(red.r, red.g + 60);
  const Rgb line = at(out, 700, 200);
  EXPECT_GT(line.b, line.r + 100);
  expect_near(at(out, 800, 200), 128, 128, 128, 0);
}

TEST(Overlay, WhatLiesOutsideIsClipped) {
  const Image image = flat(120, 90, PixelFormat::kRgb, 50);
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::nanf("");
  Prompt prompt;
  for (const float x : {-1e30f, -3.0f, 119.0f, 125.0f, 1e30f, infinity, -infinity, nan}) {
    for (const float y : {-1e30f, 0.0f, 90.0f, infinity, nan}) {
      prompt.points.push_back({x, y, PointLabel::kForeground});
    }
  }
  for (const Box& box : {Box{-1e30f, -1e30f, 1e30f, 1e30f}, Box{nan, nan, nan, nan},
                         Box{-infinity, 5, infinity, 10}, Box{50, 40, 20, 10}, Box{5, 5, 5, 5}}) {
    prompt.box = box;
    EXPECT_EQ(draw_overlay(image.view(), {{nullptr, &prompt, {0, 0, 255}}}).width, 120);
  }
}

TEST(Overlay, TinyImagesAndMasks) {
  const Image image = flat(1, 1, PixelFormat::kGray, 50);
  const Mask one{1, 1, {1}};
  Prompt prompt;
  prompt.points = {{0, 0, PointLabel::kBackground}};
  prompt.box = Box{0, 0, 1, 1};
  EXPECT_EQ(draw_overlay(image.view(), {{&one, &prompt, {1, 2, 3}}}).pixels.size(), 3u);
  EXPECT_EQ(draw_overlay(image.view(), {}).pixels, (std::vector<std::uint8_t>{50, 50, 50}));
}

TEST(Overlay, BitsDoNotDependOnThreads) {
  const Image image = flat(333, 222, PixelFormat::kRgb, 90);
  const Mask a = disc(333, 222, 100, 100, 60);
  const Mask b = disc(333, 222, 150, 120, 70);
  Prompt prompt;
  prompt.points = {{99, 98, PointLabel::kForeground}};
  const std::vector<OverlayItem> items{{&a, &prompt, palette_color(0)},
                                       {&b, nullptr, palette_color(1)}};
  const ThreadLimit one(1);
  const Image expected = draw_overlay(image.view(), items);
  const ThreadLimit five(5);
  EXPECT_EQ(draw_overlay(image.view(), items).pixels, expected.pixels);
}

TEST(Overlay, RefusesMasksOfAnotherSize) {
  const Image image = flat(4, 4, PixelFormat::kRgb, 1);
  const Mask other = disc(5, 4, 2, 2, 1);
  const Mask broken{4, 4, {1, 1}};
  EXPECT_THROW(draw_overlay(image.view(), {{&other, nullptr, {}}}), Error);
  EXPECT_THROW(draw_overlay(image.view(), {{&broken, nullptr, {}}}), Error);
  EXPECT_THROW(draw_overlay({}, {}), Error);
}

}  // namespace
}  // namespace lasso
