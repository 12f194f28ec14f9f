#include "eval/clicks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <utility>

namespace lasso::app {

namespace {

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

// Squares of distances along one line: result[i] = min over j of (i - j)^2 + f[j], for finite f.
class Line {
 public:
  explicit Line(std::size_t length) : vertex_(length), begin_(length + 1) {}

  void transform(const std::vector<std::int64_t>& f, std::vector<std::int64_t>* result) {
    const std::size_t n = f.size();
    std::size_t last = 0;
    vertex_[0] = 0;
    begin_[0] = -1e20;
    begin_[1] = 1e20;
    const auto height = [&](std::size_t q) {
      const auto x = static_cast<double>(q);
      return static_cast<double>(f[q]) + x * x;
    };
    for (std::size_t q = 1; q < n; ++q) {
      double crossing = 0;
      while (true) {
        const std::size_t p = vertex_[last];
        crossing = (height(q) - height(p)) / (2.0 * static_cast<double>(q - p));
        if (crossing > begin_[last] || last == 0) break;
        --last;
      }
      if (crossing > begin_[last]) ++last;
      vertex_[last] = q;
      begin_[last] = crossing;
      begin_[last + 1] = 1e20;
    }
    std::size_t k = 0;
    for (std::size_t i = 0; i < n; ++i) {
      while (begin_[k + 1] < static_cast<double>(i)) ++k;
      const auto offset = static_cast<std::int64_t>(i) - static_cast<std::int64_t>(vertex_[k]);
      (*result)[i] = offset * offset + f[vertex_[k]];
    }
  }

 private:
  std::vector<std::size_t> vertex_;  // of the parabolas of the envelope
  std::vector<double> begin_;        // where each of them begins to be the lowest
};

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

std::vector<Point> inner_points(const Mask& mask, int count, SplitMix64* random) {
  std::vector<std::int64_t> candidates;
  for (int radius = 2; radius >= 0 && candidates.empty(); --radius) {
    candidates = eroded(mask, radius);
  }
  std::vector<Point> points;
  while (static_cast<int>(points.size()) < count && !candidates.empty()) {
    std::int64_t& chosen =
        candidates[static_cast<std::size_t>(random->below(static_cast<int>(candidates.size())))];
    points.push_back(point_at(chosen, mask.width));
    chosen = candidates.back();
    candidates.pop_back();
  }
  return points;
}

std::vector<Point> image_points(int width, int height, int count, SplitMix64* random) {
  const auto inside = [&](int size) {
    return static_cast<float>(size > 2 ? 1 + random->below(size - 2) : random->below(size));
  };
  std::vector<Point> points;
  for (int i = 0; i < count; ++i) {
    const float x = inside(width);
    points.push_back({x, inside(height)});
  }
  return points;
}

std::vector<std::int64_t> squared_distances(const Mask& mask) {
  // A frame of pixels outside, so that every line has a finite value.
  const auto width = static_cast<std::size_t>(mask.width) + 2;
  const auto height = static_cast<std::size_t>(mask.height) + 2;
  const auto far = static_cast<std::int64_t>((width + height) * (width + height));
  std::vector<std::int64_t> columns(width * height, 0);
  std::vector<std::int64_t> line(height);
  std::vector<std::int64_t> transformed(height);
  Line down(height);
  for (std::size_t x = 1; x + 1 < width; ++x) {
    std::fill(line.begin(), line.end(), 0);
    for (std::size_t y = 1; y + 1 < height; ++y) {
      line[y] = mask.data[(y - 1) * (width - 2) + x - 1] != 0 ? far : 0;
    }
    down.transform(line, &transformed);
    for (std::size_t y = 0; y < height; ++y) columns[y * width + x] = transformed[y];
  }
  std::vector<std::int64_t> distances(mask.data.size());
  line.resize(width);
  transformed.resize(width);
  Line across(width);
  for (std::size_t y = 1; y + 1 < height; ++y) {
    std::copy_n(columns.begin() + static_cast<std::ptrdiff_t>(y * width), width, line.begin());
    across.transform(line, &transformed);
    std::copy_n(transformed.begin() + 1, width - 2,
                distances.begin() + static_cast<std::ptrdiff_t>((y - 1) * (width - 2)));
  }
  return distances;
}

Point next_click(const Mask& mask, const Mask& truth) {
  Mask missing = truth;
  Mask surplus = mask;
  for (std::size_t i = 0; i < truth.data.size(); ++i) {
    missing.data[i] = static_cast<std::uint8_t>(truth.data[i] != 0 && mask.data[i] == 0);
    surplus.data[i] = static_cast<std::uint8_t>(truth.data[i] == 0 && mask.data[i] != 0);
  }
  const Region missed = largest_region(missing);
  const Region extra = largest_region(surplus);
  if (missed.size == 0 && extra.size == 0) return farthest_inside(truth);
  if (missed.size >= extra.size) return farthest_inside(missed, truth.width);
  Point point = farthest_inside(extra, truth.width);
  point.label = PointLabel::kBackground;
  return point;
}

Mask flood_fill(const Image& image, const Point& point, int tolerance) {
  Mask mask{image.width, image.height,
            std::vector<std::uint8_t>(static_cast<std::size_t>(image.width) *
                                      static_cast<std::size_t>(image.height))};
  const auto width = static_cast<std::size_t>(image.width);
  const auto start = static_cast<std::size_t>(point.y) * width + static_cast<std::size_t>(point.x);
  const std::array<int, 3> seed = {image.pixels[3 * start], image.pixels[3 * start + 1],
                                   image.pixels[3 * start + 2]};
  std::vector<std::size_t> waiting;
  const auto visit = [&](std::size_t pixel) {
    if (mask.data[pixel] != 0) return;
    for (std::size_t c = 0; c < 3; ++c) {
      if (std::abs(image.pixels[3 * pixel + c] - seed[c]) > tolerance) return;
    }
    mask.data[pixel] = 1;
    waiting.push_back(pixel);
  };
  visit(start);
  while (!waiting.empty()) {
    const std::size_t pixel = waiting.back();
    waiting.pop_back();
    if (pixel % width > 0) visit(pixel - 1);
    if (pixel % width + 1 < width) visit(pixel + 1);
    if (pixel >= width) visit(pixel - width);
    if (pixel + width < mask.data.size()) visit(pixel + width);
  }
  return mask;
}

Box truth_box(const Mask& truth) {
  const PixelBox pixels = mask_bounding_box(truth).value_or(PixelBox{0, 0, 1, 1});
  const auto last = [](int begin, int end) {
    return static_cast<float>(end - 1 > begin ? end - 1 : end);
  };
  return {static_cast<float>(pixels.x0), static_cast<float>(pixels.y0), last(pixels.x0, pixels.x1),
          last(pixels.y0, pixels.y1)};
}

}  // namespace lasso::app
