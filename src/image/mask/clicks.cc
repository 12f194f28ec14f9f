#include "lasso/clicks.h"

#include <algorithm>
#include <cstddef>

#include "core/check.h"
#include "core/guard.h"
#include "core/random.h"
#include "image/mask/distance.h"
#include "image/mask/mask_check.h"

namespace lasso {

namespace {

constexpr int kInside = 2;  // pixels between a random click and the border of its mask

// The pixel with that index.
Point point_at(std::int64_t index, std::int64_t width) {
  const std::int64_t y = index / width;
  return {static_cast<float>(index % width), static_cast<float>(y)};
}

// Pixels whose neighbourhood of (2 * radius + 1)^2 pixels belongs to the mask, by index.
std::vector<std::int64_t> eroded(const Mask& mask, int radius) {
  std::vector<std::int64_t> inside;
  const std::int64_t width = mask.width;
  // For each column the number of mask pixels that end at the present row without a gap.
  std::vector<int> run(static_cast<std::size_t>(mask.width), 0);
  const int side = 2 * radius + 1;
  for (int y = 0; y < mask.height; ++y) {
    int columns = 0;  // consecutive columns whose run is long enough
    for (int x = 0; x < mask.width; ++x) {
      int& length = run[static_cast<std::size_t>(x)];
      length = mask.data[static_cast<std::size_t>(y * width + x)] != 0 ? length + 1 : 0;
      columns = length >= side ? columns + 1 : 0;
      if (columns >= side) inside.push_back((y - radius) * width + x - radius);
    }
  }
  return inside;
}

struct Region {
  std::int64_t size = 0;
  std::vector<std::int64_t> pixels;
};

// The largest 8-connected region of the mask, the first in row-major order among equals.
Region largest_region(const Mask& mask) {
  Region largest;
  std::vector<std::uint8_t> left = mask.data;
  const std::int64_t width = mask.width;
  std::vector<std::int64_t> pixels;
  for (std::size_t start = 0; start < left.size(); ++start) {
    if (left[start] == 0) continue;
    pixels.assign(1, static_cast<std::int64_t>(start));
    left[start] = 0;
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      const std::int64_t x = pixels[i] % width;
      const std::int64_t y = pixels[i] / width;
      for (std::int64_t v = std::max<std::int64_t>(y - 1, 0);
           v <= std::min<std::int64_t>(y + 1, mask.height - 1); ++v) {
        for (std::int64_t u = std::max<std::int64_t>(x - 1, 0);
             u <= std::min<std::int64_t>(x + 1, width - 1); ++u) {
          std::uint8_t& pixel = left[static_cast<std::size_t>(v * width + u)];
          if (pixel == 0) continue;
          pixel = 0;
          pixels.push_back(v * width + u);
        }
      }
    }
    if (static_cast<std::int64_t>(pixels.size()) <= largest.size) continue;
    largest.size = static_cast<std::int64_t>(pixels.size());
    largest.pixels = pixels;
  }
  return largest;
}

// The pixel of the mask that is farthest from its border, the first in row-major order.
Point farthest_inside(const Mask& mask) {
  const std::vector<std::int64_t> distances = squared_distances(mask);
  const auto index = std::max_element(distances.begin(), distances.end()) - distances.begin();
  return point_at(index, mask.width);
}

// The same for a region: only its surroundings are looked at.
Point farthest_inside(const Region& region, std::int64_t width) {
  std::int64_t x0 = width;
  std::int64_t x1 = 0;
  for (const std::int64_t pixel : region.pixels) {
    x0 = std::min(x0, pixel % width);
    x1 = std::max(x1, pixel % width);
  }
  const auto [low, high] = std::minmax_element(region.pixels.begin(), region.pixels.end());
  const std::int64_t y0 = *low / width;
  Mask part;
  part.width = static_cast<int>(x1 - x0 + 1);
  part.height = static_cast<int>(*high / width - y0 + 1);
  part.data.resize(static_cast<std::size_t>(part.width) * static_cast<std::size_t>(part.height));
  for (const std::int64_t pixel : region.pixels) {
    part.data[static_cast<std::size_t>((pixel / width - y0) * part.width + pixel % width - x0)] = 1;
  }
  Point point = farthest_inside(part);
  point.x += static_cast<float>(x0);
  point.y += static_cast<float>(y0);
  return point;
}

}  // namespace

std::vector<Point> random_clicks(const Mask& mask, int count, std::uint64_t* state) {
  check_mask(mask);
  return guard_memory("clicks", [&] {
    SplitMix64 random(*state);
    std::vector<std::int64_t> candidates;
    for (int radius = kInside; radius >= 0 && candidates.empty(); --radius) {
      candidates = eroded(mask, radius);
    }
    std::vector<Point> points;
    while (static_cast<int>(points.size()) < count && !candidates.empty()) {
      std::int64_t& chosen = candidates[random.below(candidates.size())];
      points.push_back(point_at(chosen, mask.width));
      chosen = candidates.back();
      candidates.pop_back();
    }
    *state = *random.state();
    return points;
  });
}

std::vector<Point> random_points(int width, int height, int count, std::uint64_t* state) {
  LASSO_CHECK(width > 0 && height > 0, ErrorCode::kInvalidArgument,
              "points in an image of {} x {} pixels: expected at least 1 x 1", width, height);
  return guard_memory("points", [&] {
    SplitMix64 random(*state);
    const auto inside = [&](int size) {
      const int border = size > 2 ? 1 : 0;
      const auto choices = static_cast<std::uint64_t>(size - 2 * border);
      return static_cast<float>(border + static_cast<int>(random.below(choices)));
    };
    std::vector<Point> points;
    for (int i = 0; i < count; ++i) {
      const float x = inside(width);
      points.push_back({x, inside(height)});
    }
    *state = *random.state();
    return points;
  });
}

Point next_click(const Mask& mask, const Mask& truth) {
  check_mask(mask);
  check_mask(truth);
  LASSO_CHECK(mask.width == truth.width && mask.height == truth.height, ErrorCode::kInvalidArgument,
              "a click for a mask of {} x {} pixels and a truth of {} x {}: expected one size",
              mask.width, mask.height, truth.width, truth.height);
  return guard_memory("a click", [&] {
    Mask missing = truth;
    Mask surplus = mask;
    for (std::size_t i = 0; i < truth.data.size(); ++i) {
      missing.data[i] = static_cast<std::uint8_t>(truth.data[i] != 0 && mask.data[i] == 0);
      surplus.data[i] = static_cast<std::uint8_t>(truth.data[i] == 0 && mask.data[i] != 0);
    }
    const Region missed = largest_region(missing);
    const Region extra = largest_region(surplus);
    if (missed.size == 0 && extra.size == 0) {
      LASSO_CHECK(mask_area(truth) > 0, ErrorCode::kInvalidArgument,
                  "a click for an empty mask and an empty truth: there is nothing to click at");
      return farthest_inside(truth);
    }
    if (missed.size >= extra.size) return farthest_inside(missed, truth.width);
    Point point = farthest_inside(extra, truth.width);
    point.label = PointLabel::kBackground;
    return point;
  });
}

Box prompt_box(const Mask& mask) {
  check_mask(mask);
  const std::optional<PixelBox> pixels = mask_bounding_box(mask);
  LASSO_CHECK(pixels.has_value(), ErrorCode::kInvalidArgument, "an empty mask has no box");
  const auto last = [](int begin, int end) {
    return static_cast<float>(end - 1 > begin ? end - 1 : end);
  };
  return {static_cast<float>(pixels->x0), static_cast<float>(pixels->y0),
          last(pixels->x0, pixels->x1), last(pixels->y0, pixels->y1)};
}

}  // namespace lasso
