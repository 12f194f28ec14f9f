#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "core/guard.h"
#include "image/mask/mask_check.h"
#include "lasso/mask.h"

namespace lasso {

namespace {

// Follows the borders between inside and outside along pixel edges, the inside to the right. Where
// two pixels touch by a corner only, the border turns right and stays with its pixel: regions are
// 4-connected.
class BorderFollower {
 public:
  explicit BorderFollower(const Mask& mask)
      : mask_(mask), width_(mask.width), height_(mask.height), followed_(mask.data.size()) {}

  std::vector<std::vector<float>> follow_all() {
    std::vector<std::vector<float>> polygons;
    // Every border has a part that goes right, along the upper edge of a pixel.
    for (int y = 0; y < height_; ++y) {
      for (int x = next_inside(0, y); x < width_; x = next_inside(x + 1, y)) {
        if (!inside(x, y - 1) && followed_[index(x, y)] == 0) polygons.push_back(follow(x, y));
      }
    }
    return polygons;
  }

 private:
  struct Step {
    int dx, dy;
    // The pixels before a corner, relative to it, when one arrives in this direction.
    int left_x, left_y, right_x, right_y;
  };
  // Right, down, left, up: the next one is a turn to the right.
  static constexpr Step kSteps[4] = {
      {1, 0, 0, -1, 0, 0}, {0, 1, 0, 0, -1, 0}, {-1, 0, -1, 0, -1, -1}, {0, -1, -1, -1, 0, -1}};

  std::size_t index(int x, int y) const {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(width_) +
           static_cast<std::size_t>(x);
  }
  bool inside(int x, int y) const {
    return x >= 0 && y >= 0 && x < width_ && y < height_ && mask_.data[index(x, y)] != 0;
  }

  // The first pixel inside from x on; width_ if there is none.
  int next_inside(int x, int y) const {
    const std::uint8_t* row = mask_.data.data() + index(0, y);
    for (; x + 8 <= width_; x += 8) {
      std::uint64_t eight;
      std::memcpy(&eight, row + x, 8);
      if (eight != 0) return x + std::countr_zero(eight) / 8;
    }
    while (x < width_ && row[x] == 0) ++x;
    return x;
  }

  // From the upper left corner of pixel (x0, y0), to the right. Corners on a straight line are left
  // out.
  std::vector<float> follow(int x0, int y0) {
    std::vector<float> polygon;
    int x = x0;
    int y = y0;
    std::size_t direction = 0;
    do {
      const Step& step = kSteps[direction];
      if (direction == 0) followed_[index(x, y)] = 1;
      x += step.dx;
      y += step.dy;
      std::size_t next = direction;
      if (!inside(x + step.right_x, y + step.right_y)) {
        next = (direction + 1) % 4;
      } else if (inside(x + step.left_x, y + step.left_y)) {
        next = (direction + 3) % 4;
      }
      if (next == direction) continue;
      polygon.push_back(static_cast<float>(x));
      polygon.push_back(static_cast<float>(y));
      direction = next;
    } while (x != x0 || y != y0 || direction != 0);
    return polygon;
  }

  const Mask& mask_;
  int width_;
  int height_;
  std::vector<std::uint8_t> followed_;  // upper edges
};

}  // namespace

std::vector<std::vector<float>> mask_polygons(const Mask& mask) {
  check_mask(mask);
  return guard_memory("polygons", [&] { return BorderFollower(mask).follow_all(); });
}

}  // namespace lasso
