#include "image/draw/labels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/threads.h"
#include "image/draw/font.h"

namespace lasso {
namespace {

Image flat(int width, int height, std::uint8_t value) {
  return {width, height, PixelFormat::kRgb,
          std::vector<std::uint8_t>(static_cast<std::size_t>(3 * width * height), value)};
}

bool overlap(const Box& a, const Box& b) {
  return a.x0 < b.x1 && b.x0 < a.x1 && a.y0 < b.y1 && b.y0 < a.y1;
}

void expect_apart_and_inside(const std::vector<std::optional<Tag>>& tags, int width, int height) {
  for (std::size_t i = 0; i < tags.size(); ++i) {
    if (!tags[i]) continue;
    const Box& box = tags[i]->box;
    EXPECT_GE(box.x0, 0) << i;
    EXPECT_GE(box.y0, 0) << i;
    EXPECT_LE(box.x1, width) << i;
    EXPECT_LE(box.y1, height) << i;
    for (std::size_t j = 0; j < i; ++j) {
      EXPECT_FALSE(tags[j] && overlap(box, tags[j]->box)) << i << " over " << j;
    }
  }
}

// How much ink a text has: the sum of all channels that are not white any more.
std::int64_t ink(const std::string& text) {
  Image image = flat(120, 60, 255);
  draw_segments(text_segments(text, {20, 40}, 20), {{{0, 0, 0}, 1.4f, 1.0f, 1.0f}}, image);
  std::int64_t sum = 0;
  for (const std::uint8_t value : image.pixels) sum += 255 - value;
  return sum;
}

TEST(Font, HasADifferentGlyphForEachCharacterOfAscii) {
  std::vector<Image> glyphs;
  for (char c = '!'; c <= '~'; ++c) {
    Image image = flat(40, 40, 255);
    draw_segments(text_segments({&c, 1}, {5, 26}, 20), {{{0, 0, 0}, 1.4f, 1.0f, 1.0f}}, image);
    EXPECT_GT(ink({c}), 1000) << c;
    for (std::size_t i = 0; i < glyphs.size(); ++i) {
      EXPECT_NE(glyphs[i].pixels, image.pixels) << c << " as " << static_cast<char>('!' + i);
    }
    glyphs.push_back(std::move(image));
  }
  EXPECT_EQ(ink(" "), 0);
}

TEST(Font, WidthIsThatOfTheStrokes) {
  for (const std::string text : {"H", "HH", "person 0.87 Wo", "M#@{}"}) {
    for (const float height : {10.0f, 33.0f}) {
      float low = std::numeric_limits<float>::max();
      float high = -low;
      for (const Segment& s : text_segments(text, {7, 50}, height)) {
        low = std::min({low, s.a.x, s.b.x});
        high = std::max({high, s.a.x, s.b.x});
        EXPECT_LE(std::max(s.a.y, s.b.y), 50 + 0.3f * height + 1e-3f);
        EXPECT_GE(std::min(s.a.y, s.b.y), 50 - height - 1e-3f);
      }
      EXPECT_NEAR(low, 7, 1e-3) << text;
      EXPECT_NEAR(high - low, text_width(text, height), 1e-3) << text;
    }
  }
  EXPECT_EQ(text_width("", 10), 0);
}

TEST(Font, WhatItDoesNotHaveIsAQuestionMark) {
  EXPECT_EQ(drawable("dog 0.87"), "dog 0.87");
  EXPECT_EQ(drawable("caf\xc3\xa9"), "caf?");
  EXPECT_EQ(drawable("\xe7\x8b\x97\xe7\x8c\xab \xf0\x9f\x90\xb6"), "?? ?");
  EXPECT_EQ(drawable("a\tb\n\x7f"), "a?b??");
  EXPECT_EQ(drawable("\xff\xc3"), "??");
  EXPECT_EQ(drawable("\xe7\x8bz"), "??z");
  EXPECT_EQ(drawable(""), "");
}

TEST(Labels, TheFirstStandsOnTheUpperLeftCorner) {
  const DrawStyle style(640, 480);
  const auto tags = place_labels({{{100, 200, 300, 400}, "dog 0.87", {}}}, 640, 480, style);
  ASSERT_TRUE(tags[0].has_value());
  EXPECT_EQ(tags[0]->text, "dog 0.87");
  EXPECT_NEAR(tags[0]->box.x0, 100, style.line + 2 * style.halo);
  EXPECT_NEAR(tags[0]->box.y1, 200, style.line + 2 * style.halo);
  EXPECT_NEAR(tags[0]->box.y1 - tags[0]->box.y0, tag_height(style), 1e-3);
}

TEST(Labels, NoneHidesAnotherOneOrLeavesThePicture) {
  for (const auto& [width, height] : {std::pair(640, 480), std::pair(4000, 3000)}) {
    const DrawStyle style(width, height);
    std::vector<Label> labels;
    std::uint32_t state = 1;
    const auto random = [&](int most) {
      state = state * 1664525u + 1013904223u;
      return static_cast<float>((state >> 8) % static_cast<std::uint32_t>(most));
    };
    for (int i = 0; i < 60; ++i) {
      const float x = random(width);
      const float y = random(height);
      labels.push_back({{x - 40, y - 40, x + random(width / 2), y + random(height / 2)},
                        "traffic light 0.55",
                        {}});
    }
    const auto tags = place_labels(labels, width, height, style);
    expect_apart_and_inside(tags, width, height);
    const auto placed = std::count_if(tags.begin(), tags.end(), [](auto& t) { return !!t; });
    EXPECT_GE(placed, 50);
  }
}

TEST(Labels, OfBoxesInOnePlaceAreSpreadAndThenLeftOut) {
  const DrawStyle style(640, 480);
  const std::vector<Label> labels(200, {{300, 200, 360, 260}, "dog 0.87", {}});
  const auto tags = place_labels(labels, 640, 480, style);
  expect_apart_and_inside(tags, 640, 480);
  const auto placed = std::count_if(tags.begin(), tags.end(), [](auto& t) { return !!t; });
  EXPECT_GE(placed, 7);
  EXPECT_LT(placed, 30);  // more are not next to the box
  EXPECT_TRUE(tags[0] && tags[1]);
  for (const auto& tag : tags) {
    if (!tag) continue;
    const float reach = tag_height(style) + 2 * (style.line + style.halo);
    const float wide = tag->box.x1 - tag->box.x0;
    EXPECT_TRUE(overlap(tag->box, {300 - wide - 4, 200 - reach, 360 + wide + 4, 260 + reach}));
  }
}

TEST(Labels, AreCutWhereThePictureIsNarrow) {
  const DrawStyle style(120, 300);
  const auto tags =
      place_labels({{{10, 50, 100, 200}, "a name that is much too long 0.5", {}}}, 120, 300, style);
  ASSERT_TRUE(tags[0].has_value());
  expect_apart_and_inside(tags, 120, 300);
  EXPECT_EQ(tags[0]->text.substr(0, 4), "a na");
  EXPECT_EQ(tags[0]->text.substr(tags[0]->text.size() - 2), "..");
}

TEST(Labels, HaveNoPlaceInTinyPicturesAndTakeAnyBox) {
  const float nan = std::nanf("");
  const float infinity = std::numeric_limits<float>::infinity();
  for (const auto& [width, height] :
       {std::pair(1, 1), std::pair(30, 12), std::pair(12, 300), std::pair(200, 200)}) {
    const DrawStyle style(width, height);
    std::vector<Label> labels;
    for (const Box& box : {Box{0, 0, 1, 1}, Box{nan, nan, nan, nan}, Box{-infinity, 5, infinity, 6},
                           Box{1e30f, 1e30f, 2e30f, 2e30f}, Box{50, 40, 20, 10}}) {
      labels.push_back({box, "person 0.99", {}});
    }
    labels.push_back({{1, 1, 2, 2}, "", {}});
    const auto tags = place_labels(labels, width, height, style);
    expect_apart_and_inside(tags, width, height);
    EXPECT_EQ(tags[0].has_value(), width == 200);
    EXPECT_FALSE(tags.back().has_value());
    Image image = flat(width, height, 50);
    draw_labels(labels, style, image);
  }
}

TEST(Labels, TextHasTheContrastThatItsGroundAllows) {
  const auto luminance = [](Rgb c) {
    const auto linear = [](double v) {
      return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
    };
    return 0.2126 * linear(c.r / 255.0) + 0.7152 * linear(c.g / 255.0) +
           0.0722 * linear(c.b / 255.0);
  };
  for (std::size_t i = 0; i < 100; ++i) {
    const double ground = luminance(palette_color(i));
    const double text = luminance(text_color(palette_color(i)));
    const double contrast = (std::max(ground, text) + 0.05) / (std::min(ground, text) + 0.05);
    EXPECT_GE(contrast, 4.5) << i;  // WCAG's level AA
  }
}

TEST(Labels, ArePartOfAnOverlayAboveAllBoxes) {
  const Image ground = flat(640, 480, 128);
  std::vector<Prompt> prompts(2);
  prompts[0].box = Box{100, 100, 300, 300};
  prompts[1].box = Box{90, 60, 310, 320};  // its left side passes through the first one's label
  OverlayItem first{nullptr, &prompts[0], {255, 215, 30}};
  first.label = "dog";
  OverlayItem second{nullptr, &prompts[1], {60, 90, 220}};
  const Image plain = draw_overlay(ground.view(), {second});
  const Image image = draw_overlay(ground.view(), {first, second});
  const DrawStyle style(640, 480);
  const auto tag = place_labels({{*prompts[0].box, "dog", {}}}, 640, 480, style)[0];
  ASSERT_TRUE(tag.has_value());
  int yellow = 0;
  int black = 0;
  for (int y = static_cast<int>(tag->box.y0); y < static_cast<int>(tag->box.y1); ++y) {
    for (int x = static_cast<int>(tag->box.x0); x < static_cast<int>(tag->box.x1); ++x) {
      const std::uint8_t* p = image.pixels.data() + 3 * (y * 640 + x);
      yellow += p[0] == 255 && p[1] == 215 && p[2] == 30 ? 1 : 0;
      black += p[0] < 60 && p[1] < 60 && p[2] < 60 ? 1 : 0;
      EXPECT_FALSE(p[0] == 60 && p[1] == 90 && p[2] == 220);
    }
  }
  const int area = static_cast<int>((tag->box.x1 - tag->box.x0) * (tag->box.y1 - tag->box.y0));
  EXPECT_GT(yellow, area / 3);
  EXPECT_GT(black, 20);
  EXPECT_NE(plain.pixels, image.pixels);
}

TEST(Labels, BoxesOfObjectsAtTheEdgeAreSeen) {
  const Image ground = flat(320, 240, 128);
  Prompt prompt;
  prompt.box = Box{0, 0, 320, 240};
  OverlayItem item{nullptr, &prompt, {255, 0, 0}};
  item.label = "all";
  const Image image = draw_overlay(ground.view(), {item});
  for (const int p : {200, 239 * 320 + 200, 120 * 320, 120 * 320 + 319}) {
    EXPECT_GT(image.pixels[static_cast<std::size_t>(3 * p)], 200) << p;
    EXPECT_LT(image.pixels[static_cast<std::size_t>(3 * p + 1)], 60) << p;
  }
}

TEST(Rectangle, IsDrawnAsItsSidesAre) {
  const ThreadLimit limit(1);
  const std::vector<Ink> layers{{{10, 20, 30}, 4, 3, 0.5f}, {{200, 100, 50}, 2, 1, 1}};
  for (const Box& b : {Box{20, 30, 180, 120}, Box{-5, -5, 250, 170}, Box{50, 60, 58, 64},
                       Box{90, 70, 40, 20}, Box{150, 20, 400, 40}, Box{-50, -50, -20, -20}}) {
    Image expected = flat(200, 150, 255);
    draw_segments({{{b.x0, b.y0}, {b.x1, b.y0}},
                   {{b.x1, b.y0}, {b.x1, b.y1}},
                   {{b.x1, b.y1}, {b.x0, b.y1}},
                   {{b.x0, b.y1}, {b.x0, b.y0}}},
                  layers, expected);
    Image image = flat(200, 150, 255);
    draw_rectangle({b.x0, b.y0}, {b.x1, b.y1}, layers, image);
    EXPECT_EQ(image.pixels, expected.pixels) << b.x0;
  }
}

TEST(Palette, ColoursOfClassesDifferWell) {
  const auto distance = [](Rgb a, Rgb b) { return std::hypot(a.r - b.r, a.g - b.g, a.b - b.b); };
  for (std::size_t i = 0; i < 80; ++i) {  // as many as COCO has classes
    for (std::size_t j = 0; j < i; ++j) {
      EXPECT_GT(distance(palette_color(i), palette_color(j)), i < 20 ? 60 : 35) << i << ' ' << j;
    }
  }
  for (std::size_t i = 80; i < 200; ++i) {
    EXPECT_GT(distance(palette_color(i), palette_color(i - 1)), 60) << i;
  }
}

}  // namespace
}  // namespace lasso
