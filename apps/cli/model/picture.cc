#include "cli/model/picture.h"

#include <algorithm>
#include <array>

#include "cli/exit_codes.h"
#include "core/random.h"
#include "lasso/error.h"

namespace lasso::app {

namespace {

struct Disc {
  int x, y, radius;
  std::array<int, 3> color;
};

}  // namespace

Image synthetic_image(int width, int height, std::uint64_t seed) {
  SplitMix64 random(seed);
  const auto below = [&](int limit) {
    return static_cast<int>(random.below(static_cast<std::uint64_t>(limit)));
  };
  std::vector<Disc> discs(12);
  for (Disc& disc : discs) {
    disc.x = below(width);
    disc.y = below(height);
    disc.radius = std::max(2, std::min(width, height) / 20 + below(height / 6 + 1));
    for (int& c : disc.color) c = below(256);
  }
  Image image;
  image.width = width;
  image.height = height;
  image.pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  std::size_t i = 0;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      std::array<int, 3> color = {x * 255 / width, y * 255 / height, 128};
      for (const Disc& disc : discs) {
        const int dx = x - disc.x;
        const int dy = y - disc.y;
        if (dx * dx + dy * dy < disc.radius * disc.radius) color = disc.color;
      }
      const std::uint64_t noise = random.next();
      for (std::size_t c = 0; c < 3; ++c, ++i) {
        const int value = color[c] + static_cast<int>(noise >> (8 * c) & 15) - 8;
        image.pixels[i] = static_cast<std::uint8_t>(std::clamp(value, 0, 255));
      }
    }
  }
  return image;
}

ShiftedPictures::ShiftedPictures(const Image& image) : twice_(image), height_(image.height) {
  twice_.height *= 2;
  twice_.pixels.insert(twice_.pixels.end(), image.pixels.begin(), image.pixels.end());
}

ImageView ShiftedPictures::view(int index) const {
  const std::int64_t first_row = std::int64_t{index % kCount} * height_ / kCount;
  ImageView view = twice_.view();
  view.data += first_row * view.stride_bytes;
  view.height = height_;
  return view;
}

Image load_picture(const std::string& path, int width, int height) {
  if (path.empty()) return synthetic_image(width, height, 1);
  try {
    return read_image(path);
  } catch (const lasso::Error& error) {
    throw Failure(is_fatal(error) ? exit_for(error, Stage::kOther) : Exit::kSomeFailed,
                  error.what());
  }
}

}  // namespace lasso::app
