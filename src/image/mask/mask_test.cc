#include "lasso/mask.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/random.h"
#include "image/mask/mask_bits.h"
#include "lasso/error.h"
#include "support/mask_picture.h"

namespace lasso {
namespace {

using test::mask_picture;

// Noise, blobs, stripes of several sizes, among them those around multiples of 64.
std::vector<Mask> random_masks() {
  SplitMix64 random(17);
  std::vector<Mask> masks;
  for (const auto& [width, height] : std::vector<std::pair<int, int>>{
           {1, 1}, {1, 200}, {200, 1}, {63, 65}, {64, 64}, {65, 63}, {128, 129}, {301, 77}}) {
    for (int kind = 0; kind < 6; ++kind) {
      Mask mask{width, height, {}};
      for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
          bool inside = false;
          switch (kind) {
            case 0:
              break;
            case 1:
              inside = true;
              break;
            case 2:
              inside = random.below(2) == 0;
              break;
            case 3:
              inside = random.below(50) == 0;
              break;
            case 4:
              inside = std::hypot(x - width / 2, y - height / 2) < height * 0.4;
              break;
            default:
              inside = (x / 5 + y / 9) % 2 == 0;
          }
          mask.data.push_back(inside);
        }
      }
      masks.push_back(std::move(mask));
    }
  }
  return masks;
}

TEST(Mask, AreaBoundingBoxAndIou) {
  const Mask a = mask_picture({"......", ".##...", ".###..", "......"});
  EXPECT_EQ(mask_area(a), 5);
  const auto box = mask_bounding_box(a);
  ASSERT_TRUE(box.has_value());
  EXPECT_EQ(box->x0, 1);
  EXPECT_EQ(box->y0, 1);
  EXPECT_EQ(box->x1, 4);
  EXPECT_EQ(box->y1, 3);
  const Mask b = mask_picture({"......", "..##..", "..##..", "......"});
  EXPECT_DOUBLE_EQ(mask_iou(a, b), 3.0 / 6.0);
  const Mask empty = mask_picture({"......", "......", "......", "......"});
  EXPECT_EQ(mask_area(empty), 0);
  EXPECT_FALSE(mask_bounding_box(empty).has_value());
  EXPECT_FALSE(mask_bounding_box(Mask{}).has_value());
  EXPECT_DOUBLE_EQ(mask_iou(empty, empty), 1.0);
  EXPECT_DOUBLE_EQ(mask_iou(empty, a), 0.0);
  EXPECT_THROW(mask_iou(a, mask_picture({"."})), Error);
  EXPECT_THROW(mask_iou(Mask{3, 3, {1}}, Mask{3, 3, {1}}), Error);
}

TEST(Rle, CountsRunsDownTheColumns) {
  const Mask mask = mask_picture({".#", "##", "#."});
  const Rle rle = encode_rle(mask);
  EXPECT_EQ(rle.counts, (std::vector<std::uint32_t>{1, 4, 1}));
  const Rle full = encode_rle(mask_picture({"##", "##"}));
  EXPECT_EQ(full.counts, (std::vector<std::uint32_t>{0, 4}));
  EXPECT_EQ(encode_rle(mask_picture({"..", ".."})).counts, (std::vector<std::uint32_t>{4}));
}

TEST(Rle, EqualsTheObviousLoopAndDecodes) {
  for (const Mask& mask : random_masks()) {
    std::vector<std::uint32_t> counts{0};
    std::uint8_t value = 0;
    for (int x = 0; x < mask.width; ++x) {
      for (int y = 0; y < mask.height; ++y) {
        const std::uint8_t pixel = mask.data[static_cast<std::size_t>(y * mask.width + x)];
        if (pixel != value) {
          value = pixel;
          counts.push_back(0);
        }
        ++counts.back();
      }
    }
    const Rle rle = encode_rle(mask);
    EXPECT_EQ(rle.counts, counts) << mask.width << "x" << mask.height;
    EXPECT_EQ(decode_rle(rle).data, mask.data);
    const std::string text = rle_to_string(rle);
    EXPECT_EQ(rle_from_string(text, mask.width, mask.height).counts, rle.counts);
  }
}

TEST(Rle, RunsOfNoPixelsDecode) {
  const Mask mask = decode_rle(Rle{2, 2, {1, 0, 1, 1, 0, 0, 1}});
  EXPECT_EQ(mask.data, (std::vector<std::uint8_t>{0, 1, 0, 0}));
  EXPECT_TRUE(decode_rle(Rle{0, 7, {}}).data.empty());
}

// Worked out by hand from COCO's rule: 5 bits a character from '0', lowest first, 32 more where
// further ones follow (which they do until the sign bit is right), and from the fourth count on
// differences from the last but one.
TEST(Rle, TextIsCocos) {
  EXPECT_EQ(rle_to_string(Rle{3, 3, {1, 4, 4}}), "144");
  EXPECT_EQ(rle_to_string(Rle{10, 10, {15, 85}}), "?e2");
  EXPECT_EQ(rle_to_string(Rle{10, 10, {16, 84}}), "`0d2");
  EXPECT_EQ(rle_to_string(Rle{10, 1, {1, 2, 3, 1, 2, 1}}), "123OO0");
}

TEST(Rle, HostileCountsAndTexts) {
  EXPECT_THROW(decode_rle(Rle{2, 2, {1, 2}}), Error);
  EXPECT_THROW(decode_rle(Rle{2, 2, {1, 4}}), Error);
  EXPECT_THROW(decode_rle(Rle{2, 2, {}}), Error);
  EXPECT_THROW(decode_rle(Rle{-2, -2, {4}}), Error);
  EXPECT_THROW(decode_rle(Rle{1 << 30, 1 << 30, {4}}), Error);
  EXPECT_THROW(decode_rle(Rle{2, 2, {0xffffffffu, 5}}), Error);
  const auto code = [](const std::string& text, int width, int height) {
    try {
      rle_from_string(text, width, height);
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kInternal;
  };
  for (const std::string& text :
       {std::string(""), std::string("5"), std::string("3"), std::string("4 "), std::string("/"),
        std::string("4\0", 2), std::string("\x80"), std::string("P"), std::string("pppppppppp1"),
        std::string("oooooooooooooooo"), std::string("O"), std::string("T0"),
        std::string("\xff\xff")}) {
    EXPECT_EQ(code(text, 2, 2), ErrorCode::kInvalidArgument) << text;
  }
  EXPECT_EQ(rle_from_string("4", 2, 2).counts, (std::vector<std::uint32_t>{4}));
  SplitMix64 random(3);
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    for (std::size_t n = random.below(12); n > 0; --n)
      text.push_back(static_cast<char>('0' + random.below(66)));
    try {
      const Rle rle = rle_from_string(text, 40, 30);
      EXPECT_EQ(mask_area(decode_rle(rle)) >= 0, true);
      EXPECT_EQ(rle_to_string(rle), text);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    }
  }
}

double signed_area(const std::vector<float>& polygon) {
  double sum = 0;
  for (std::size_t i = 0; i < polygon.size(); i += 2) {
    const std::size_t j = (i + 2) % polygon.size();
    sum += static_cast<double>(polygon[i]) * polygon[j + 1] -
           static_cast<double>(polygon[j]) * polygon[i + 1];
  }
  return sum / 2;  // with y down, positive is clockwise to the eye
}

// Even-odd filling: a pixel is inside if a ray from its centre to the left crosses an odd number of
// edges.
Mask fill(const std::vector<std::vector<float>>& polygons, int width, int height) {
  Mask mask{width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(width * height))};
  for (const auto& polygon : polygons) {
    for (std::size_t i = 0; i < polygon.size(); i += 2) {
      const std::size_t j = (i + 2) % polygon.size();
      if (polygon[i] != polygon[j]) continue;  // only vertical edges cross rows of centres
      const int y0 = static_cast<int>(std::min(polygon[i + 1], polygon[j + 1]));
      const int y1 = static_cast<int>(std::max(polygon[i + 1], polygon[j + 1]));
      for (int y = y0; y < y1; ++y) {
        for (int x = static_cast<int>(polygon[i]); x < width; ++x) {
          mask.data[static_cast<std::size_t>(y * width + x)] ^= 1;
        }
      }
    }
  }
  return mask;
}

TEST(Polygons, OuterClockwiseHolesCounterClockwise) {
  const auto polygons = mask_polygons(mask_picture({".....", ".###.", ".#.#.", ".###.", "....."}));
  ASSERT_EQ(polygons.size(), 2u);
  EXPECT_EQ(polygons[0], (std::vector<float>{4, 1, 4, 4, 1, 4, 1, 1}));
  EXPECT_DOUBLE_EQ(signed_area(polygons[0]), 9);
  EXPECT_DOUBLE_EQ(signed_area(polygons[1]), -1);
}

TEST(Polygons, PixelsThatTouchByCornersAreSeparate) {
  const auto polygons = mask_polygons(mask_picture({"#.", ".#"}));
  ASSERT_EQ(polygons.size(), 2u);
  EXPECT_DOUBLE_EQ(signed_area(polygons[0]), 1);
  EXPECT_DOUBLE_EQ(signed_area(polygons[1]), 1);
}

TEST(Polygons, FillingGivesTheMaskBack) {
  for (const Mask& mask : random_masks()) {
    const auto polygons = mask_polygons(mask);
    EXPECT_EQ(fill(polygons, mask.width, mask.height).data, mask.data);
    double area = 0;
    for (const auto& polygon : polygons) {
      ASSERT_GE(polygon.size(), 8u);
      area += signed_area(polygon);
      for (std::size_t i = 0; i < polygon.size(); i += 2) {
        // Corners only: edges alternate between the axes.
        const std::size_t j = (i + 2) % polygon.size();
        EXPECT_NE(polygon[i] == polygon[j], polygon[i + 1] == polygon[j + 1]);
      }
    }
    EXPECT_DOUBLE_EQ(area, static_cast<double>(mask_area(mask)));
  }
}

// As readers of COCO's files fill: each polygon on its own, then all of them united.
Mask unite(const std::vector<std::vector<float>>& polygons, int width, int height) {
  Mask mask = fill({}, width, height);
  for (const auto& polygon : polygons) {
    const Mask part = fill({polygon}, width, height);
    for (std::size_t i = 0; i < part.data.size(); ++i) mask.data[i] |= part.data[i];
  }
  return mask;
}

// 4-connected ones.
std::size_t count_components(Mask mask) {
  std::size_t count = 0;
  std::vector<std::pair<int, int>> border;
  const auto take = [&](int x, int y) {
    if (x < 0 || y < 0 || x >= mask.width || y >= mask.height) return false;
    std::uint8_t& pixel = mask.data[static_cast<std::size_t>(y * mask.width + x)];
    if (pixel == 0) return false;
    pixel = 0;
    border.emplace_back(x, y);
    return true;
  };
  for (int y = 0; y < mask.height; ++y) {
    for (int x = 0; x < mask.width; ++x) {
      count += take(x, y) ? 1 : 0;
      while (!border.empty()) {
        const auto [px, py] = border.back();
        border.pop_back();
        for (const auto& [dx, dy] : {std::pair(1, 0), {-1, 0}, {0, 1}, {0, -1}}) {
          take(px + dx, py + dy);
        }
      }
    }
  }
  return count;
}

// frPyObjects, merge and decode of pycocotools 2.0 gave these masks back from these polygons.
TEST(CocoPolygons, HolesAreJoinedByBridgesWalkedBothWays) {
  using Polygons = std::vector<std::vector<float>>;
  EXPECT_EQ(coco_polygons(mask_picture({".....", ".###.", ".#.#.", ".###.", "....."})),
            (Polygons{{4, 1, 4, 4, 1, 4, 1, 2, 2, 2, 2, 3, 3, 3, 3, 2, 2, 2, 1, 2, 1, 1}}));
  // A ring inside the hole of a ring is another component.
  EXPECT_EQ(coco_polygons(mask_picture(
                {"#######", "#.....#", "#.###.#", "#.#.#.#", "#.###.#", "#.....#", "#######"})),
            (Polygons{{7, 0, 7, 7, 0, 7, 0, 1, 1, 1, 1, 6, 6, 6, 6, 1, 1, 1, 0, 1, 0, 0},
                      {5, 2, 5, 5, 2, 5, 2, 3, 3, 3, 3, 4, 4, 4, 4, 3, 3, 3, 2, 3, 2, 2}}));
  // A row of holes is a chain of bridges.
  EXPECT_EQ(coco_polygons(mask_picture({"#######", "#.#.#.#", "#######"})),
            (Polygons{{7, 0, 7, 3, 0, 3, 0, 1, 1, 1, 1, 2, 2, 2, 2, 1, 3, 1, 3, 2, 4, 2, 4,
                       1, 5, 1, 5, 2, 6, 2, 6, 1, 5, 1, 4, 1, 3, 1, 2, 1, 1, 1, 0, 1, 0, 0}}));
  // Pixels of a hole that touch by a corner are one hole.
  EXPECT_EQ(coco_polygons(mask_picture({"####", "#.##", "##.#", "####"})),
            (Polygons{{4, 0, 4, 4, 0, 4, 0, 1, 1, 1, 1, 2, 2, 2, 2,
                       3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 0, 1, 0, 0}}));
  EXPECT_TRUE(coco_polygons(mask_picture({"..", ".."})).empty());
  EXPECT_TRUE(coco_polygons(Mask{}).empty());
  EXPECT_THROW(coco_polygons(Mask{3, 3, {1}}), Error);
}

TEST(CocoPolygons, UnitingGivesTheMaskBack) {
  std::vector<Mask> masks = random_masks();
  // Many small masks have more kinds of corners than a few large ones.
  SplitMix64 random(5);
  for (int i = 0; i < 3000; ++i) {
    Mask mask{static_cast<int>(1 + random.below(12)), static_cast<int>(1 + random.below(12)), {}};
    const std::uint64_t density = 1 + random.below(9);
    for (int p = 0; p < mask.width * mask.height; ++p) {
      mask.data.push_back(random.below(10) < density ? 1 : 0);
    }
    masks.push_back(std::move(mask));
  }
  // As many holes as there can be.
  Mask sieve{201, 151, {}};
  for (int y = 0; y < sieve.height; ++y) {
    for (int x = 0; x < sieve.width; ++x) sieve.data.push_back(x % 2 == 0 || y % 2 == 0);
  }
  masks.push_back(std::move(sieve));
  for (const Mask& mask : masks) {
    const auto polygons = coco_polygons(mask);
    EXPECT_EQ(unite(polygons, mask.width, mask.height).data, mask.data);
    EXPECT_EQ(polygons.size(), count_components(mask));
    double area = 0;
    for (const auto& polygon : polygons) {
      area += signed_area(polygon);
      // Edges follow the pixels' borders, bridges too.
      for (std::size_t i = 0; i + 2 < polygon.size(); i += 2) {
        EXPECT_NE(polygon[i] == polygon[i + 2], polygon[i + 1] == polygon[i + 3]);
      }
    }
    EXPECT_DOUBLE_EQ(area, static_cast<double>(mask_area(mask)));
  }
}

TEST(MaskBits, BecomeBytes) {
  for (const Mask& mask : random_masks()) {
    const auto width = static_cast<std::size_t>(mask.width);
    const std::size_t words = (width + 31) / 32;
    std::vector<std::uint32_t> bits(words * static_cast<std::size_t>(mask.height));
    for (std::size_t i = 0; i < mask.data.size(); ++i) {
      const std::size_t x = i % width;
      bits[i / width * words + x / 32] |= std::uint32_t{mask.data[i]} << x % 32;
    }
    std::vector<std::uint8_t> bytes(mask.data.size(), 9);
    expand_mask_bits(bits.data(), mask.width, mask.height, bytes.data());
    EXPECT_EQ(bytes, mask.data) << mask.width << "x" << mask.height;
  }
}

TEST(Palette, NeighboursDiffer) {
  const auto distance = [](Rgb a, Rgb b) {
    return std::abs(a.r - b.r) + std::abs(a.g - b.g) + std::abs(a.b - b.b);
  };
  for (std::size_t i = 0; i < 200; ++i) {
    EXPECT_GE(distance(palette_color(i), palette_color(i + 1)), 90) << i;
  }
  std::set<int> different;
  for (std::size_t i = 0; i < 100; ++i) {
    const Rgb c = palette_color(i);
    different.insert(c.r << 16 | c.g << 8 | c.b);
  }
  EXPECT_EQ(different.size(), 100u);
}

}  // namespace
}  // namespace lasso
