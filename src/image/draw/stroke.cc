#include "image/draw/stroke.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "core/threads.h"

namespace lasso {

namespace {

constexpr float kSteps = 12.0f;  // the distance field's steps per pixel; it reaches 255 / 12 pixels
constexpr std::uint8_t kFar = 255;

// Pixels of `part` whose centre may be closer than `reach` to the segment; empty (x1 <= x0 or y1 <=
// y0) if there are none.
PixelBox around(const Segment& s, float reach, const PixelBox& part) {
  const auto low = [reach](float a, float b, int begin, int end) {
    return static_cast<int>(std::clamp(std::floor(std::min(a, b) - reach),
                                       static_cast<float>(begin), static_cast<float>(end)));
  };
  const auto high = [reach](float a, float b, int begin, int end) {
    return static_cast<int>(std::clamp(std::ceil(std::max(a, b) + reach) + 1.0f,
                                       static_cast<float>(begin), static_cast<float>(end)));
  };
  return {low(s.a.x, s.b.x, part.x0, part.x1), low(s.a.y, s.b.y, part.y0, part.y1),
          high(s.a.x, s.b.x, part.x0, part.x1), high(s.a.y, s.b.y, part.y0, part.y1)};
}

// Lowers the field to the distance from the segment.
void stamp(const Segment& s, const PixelBox& box, const PixelBox& frame, std::uint8_t* field) {
  const float dx = s.b.x - s.a.x;
  const float dy = s.b.y - s.a.y;
  const float squared = dx * dx + dy * dy;
  const float inverse = squared > 0 ? 1.0f / squared : 0.0f;
  const std::ptrdiff_t stride = frame.x1 - frame.x0;
  for (int y = box.y0; y < box.y1; ++y) {
    std::uint8_t* row = field + (y - frame.y0) * stride - frame.x0;
    const float py = static_cast<float>(y) - s.a.y;
    for (int x = box.x0; x < box.x1; ++x) {
      const float px = static_cast<float>(x) - s.a.x;
      const float along = std::min(std::max((px * dx + py * dy) * inverse, 0.0f), 1.0f);
      const float ex = px - along * dx;
      const float ey = py - along * dy;
      const float distance = std::min(std::sqrt(ex * ex + ey * ey) * kSteps, 255.0f);
      row[x] = std::min(row[x], static_cast<std::uint8_t>(distance));
    }
  }
}

using Opacities = std::array<std::int16_t, 256>;  // by the field's value; 256 is opaque

Opacities opacities(const Ink& ink) {
  Opacities table{};
  for (std::size_t i = 0; i < kFar; ++i) {
    const float distance = (static_cast<float>(i) + 0.5f) / kSteps;
    const float cover =
        std::clamp((ink.radius + ink.softness * 0.5f - distance) / ink.softness, 0.0f, 1.0f);
    table[i] = static_cast<std::int16_t>(std::lround(cover * ink.opacity * 256.0f));
  }
  return table;
}

}  // namespace

float reach_of(const std::vector<Ink>& layers) {
  float reach = 0;
  for (const Ink& ink : layers) reach = std::max(reach, ink.radius + ink.softness);
  return std::min(reach, 254.0f / kSteps);
}

void draw_segments(const std::vector<Segment>& segments, const std::vector<Ink>& layers,
                   Image& image, const std::optional<PixelBox>& part) {
  const float reach = reach_of(layers);
  std::vector<Opacities> tables;
  tables.reserve(layers.size());
  for (const Ink& ink : layers) tables.push_back(opacities(ink));
  const PixelBox inside = part.value_or(PixelBox{0, 0, image.width, image.height});

  PixelBox frame{image.width, image.height, 0, 0};
  std::int64_t work = 0;  // pixels to visit
  std::vector<PixelBox> boxes;
  boxes.reserve(segments.size());
  for (const Segment& s : segments) {
    const PixelBox box = around(s, reach, inside);
    boxes.push_back(box);
    if (box.x0 >= box.x1 || box.y0 >= box.y1) continue;
    work += std::int64_t{box.x1 - box.x0} * (box.y1 - box.y0);
    frame = {std::min(frame.x0, box.x0), std::min(frame.y0, box.y0), std::max(frame.x1, box.x1),
             std::max(frame.y1, box.y1)};
  }
  if (frame.x0 >= frame.x1 || frame.y0 >= frame.y1) return;
  const auto columns = static_cast<std::size_t>(frame.x1 - frame.x0);
  const auto rows = static_cast<std::size_t>(frame.y1 - frame.y0);
  std::vector<std::uint8_t> field(columns * rows, kFar);

  // Each thread draws what falls into its rows: no pixel has two writers.
  const auto draw = [&](std::int64_t begin, std::int64_t end) {
    const int y0 = frame.y0 + static_cast<int>(begin);
    const int y1 = frame.y0 + static_cast<int>(end);
    for (std::size_t i = 0; i < segments.size(); ++i) {
      PixelBox box = boxes[i];
      box.y0 = std::max(box.y0, y0);
      box.y1 = std::min(box.y1, y1);
      if (box.y0 < box.y1) stamp(segments[i], box, frame, field.data());
    }
    for (int y = y0; y < y1; ++y) {
      const std::uint8_t* distance =
          field.data() + columns * static_cast<std::size_t>(y - frame.y0);
      std::uint8_t* pixel = image.pixels.data() + 3 * (static_cast<std::size_t>(y) *
                                                           static_cast<std::size_t>(image.width) +
                                                       static_cast<std::size_t>(frame.x0));
      for (std::size_t x = 0; x < columns; ++x, pixel += 3) {
        if (distance[x] == kFar) continue;
        for (std::size_t layer = 0; layer < layers.size(); ++layer) {
          const int opacity = tables[layer][distance[x]];
          if (opacity > 0) blend_pixel(pixel, layers[layer].color, opacity);
        }
      }
    }
  };
  // For a marker, waking the team takes longer than drawing.
  constexpr std::int64_t kWorthATeam = 1 << 18;
  work += static_cast<std::int64_t>(field.size()) / 8;
  if (work < kWorthATeam) {
    draw(0, frame.y1 - frame.y0);
  } else {
    parallel_ranges(frame.y1 - frame.y0, draw);
  }
}

void draw_rectangle(Vec2 upper_left, Vec2 lower_right, const std::vector<Ink>& layers,
                    Image& image) {
  const Vec2 upper_right{lower_right.x, upper_left.y};
  const Vec2 lower_left{upper_left.x, lower_right.y};
  const std::vector<Segment> sides{{upper_left, upper_right},
                                   {upper_right, lower_right},
                                   {lower_right, lower_left},
                                   {lower_left, upper_left}};
  const PixelBox whole{0, 0, image.width, image.height};
  const float reach = reach_of(layers);
  const PixelBox up = around(sides[0], reach, whole);
  const PixelBox right = around(sides[1], reach, whole);
  const PixelBox down = around(sides[2], reach, whole);
  const PixelBox left = around(sides[3], reach, whole);
  if (up.y1 >= down.y0 || left.x1 >= right.x0) {  // there is ink everywhere
    draw_segments(sides, layers, image);
    return;
  }
  for (const PixelBox& part : {up, down, PixelBox{left.x0, up.y1, left.x1, down.y0},
                               PixelBox{right.x0, up.y1, right.x1, down.y0}}) {
    draw_segments(sides, layers, image, part);
  }
}

}  // namespace lasso
