// Antialiased lines, by their distance from pixels.
#ifndef LASSO_IMAGE_DRAW_STROKE_H_
#define LASSO_IMAGE_DRAW_STROKE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "lasso/image.h"
#include "lasso/mask.h"

namespace lasso {

// A point in pixels; whole numbers are centres of pixels.
struct Vec2 {
  float x = 0;
  float y = 0;
};

struct Segment {
  Vec2 a;
  Vec2 b;
};

// One layer of ink around a line: opaque up to `radius` from its middle, then fading over
// `softness`.
struct Ink {
  Rgb color;
  float radius = 1;
  float softness = 1;
  float opacity = 1;
};

// How far from the middle of a line there is ink, in pixels.
float reach_of(const std::vector<Ink>& layers);

// Draws the union of the segments on an RGB image, one layer over the other. What lies outside of
// the image, or of `part` of it, is clipped.
void draw_segments(const std::vector<Segment>& segments, const std::vector<Ink>& layers,
                   Image& image, const std::optional<PixelBox>& part = std::nullopt);

// Draws the outline of a rectangle as its four segments would be, in time for its circumference.
void draw_rectangle(Vec2 upper_left, Vec2 lower_right, const std::vector<Ink>& layers,
                    Image& image);

// over = color * opacity + under * (1 - opacity), for one RGB pixel; opacity of 0..256.
inline void blend_pixel(std::uint8_t* pixel, Rgb color, int opacity) {
  const std::uint8_t over[3] = {color.r, color.g, color.b};
  for (int c = 0; c < 3; ++c) {
    pixel[c] =
        static_cast<std::uint8_t>((pixel[c] * (256 - opacity) + over[c] * opacity + 128) >> 8);
  }
}

}  // namespace lasso

#endif  // LASSO_IMAGE_DRAW_STROKE_H_
