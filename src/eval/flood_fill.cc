#include "eval/flood_fill.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

namespace lasso {

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

}  // namespace lasso
