#include "image/random_picture.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/random.h"

namespace lasso {

namespace {

using Color = std::array<float, 3>;

Color random_color(SplitMix64& random) {
  return {random.uniform(0, 255), random.uniform(0, 255), random.uniform(0, 255)};
}

// The exponent n of |u|^n + |v|^n < 1: a diamond, an ellipse, or a rectangle with round corners.
constexpr std::array kExponents{1, 2, 8};

// A shape in coordinates (u, v) of its own: moved, turned and stretched.
class Shape {
 public:
  Shape(int width, int height, SplitMix64& random)
      : from_(random_color(random)), to_(random_color(random)) {
    const auto side = static_cast<float>(std::min(width, height));
    x_ = random.uniform(0, static_cast<float>(width));
    y_ = random.uniform(0, static_cast<float>(height));
    // A turn by the angle whose half has the tangent t, without libraries' sines.
    const float t = random.uniform(-1, 1);
    cosine_ = (1 - t * t) / (1 + t * t);
    sine_ = 2 * t / (1 + t * t);
    u_ = 1 / (side * random.uniform(0.05F, 0.3F));
    v_ = 1 / (side * random.uniform(0.05F, 0.3F));
    exponent_ = kExponents[random.below(kExponents.size())];
    stripes_ = random.below(3) == 0 ? random.uniform(2, 8) : 0;
  }

  void paint(float x, float y, Color& color) const {
    const float u = (cosine_ * (x - x_) + sine_ * (y - y_)) * u_;
    const float v = (cosine_ * (y - y_) - sine_ * (x - x_)) * v_;
    if (std::fabs(u) >= 1 || std::fabs(v) >= 1 || power(u) + power(v) >= 1) return;
    const float shade = (u + 1) / 2;
    const bool dark = stripes_ > 0 && static_cast<int>((v + 1) * stripes_) % 2 == 1;
    for (std::size_t c = 0; c < color.size(); ++c) {
      color[c] = (from_[c] + shade * (to_[c] - from_[c]) / 2) * (dark ? 0.7F : 1.0F);
    }
  }

 private:
  float power(float x) const {
    float result = std::fabs(x);
    for (int n = 1; n < exponent_; n *= 2) result *= result;
    return result;
  }

  Color from_;
  Color to_;
  float x_ = 0;
  float y_ = 0;
  float cosine_ = 1;
  float sine_ = 0;
  float u_ = 1;  // reciprocals of half the axes
  float v_ = 1;
  int exponent_ = 2;
  float stripes_ = 0;
};

constexpr float kNoise = 12;

}  // namespace

Image random_picture(int width, int height, std::uint64_t seed) {
  SplitMix64 random(seed);
  const Color corner = random_color(random);
  const Color opposite = random_color(random);
  std::vector<Shape> shapes;
  const std::uint64_t count = 8 + random.below(9);
  for (std::uint64_t i = 0; i < count; ++i) shapes.emplace_back(width, height, random);
  Image image{width, height, PixelFormat::kRgb, {}};
  image.pixels.reserve(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const float depth = static_cast<float>(x + y) / static_cast<float>(width + height);
      Color color;
      for (std::size_t c = 0; c < 3; ++c) {
        color[c] = corner[c] + depth * (opposite[c] - corner[c]);
      }
      for (const Shape& shape : shapes) {
        shape.paint(static_cast<float>(x), static_cast<float>(y), color);
      }
      for (const float value : color) {
        const float noisy = value + random.uniform(-kNoise, kNoise);
        image.pixels.push_back(static_cast<std::uint8_t>(std::clamp(noisy, 0.0F, 255.0F)));
      }
    }
  }
  return image;
}

}  // namespace lasso
