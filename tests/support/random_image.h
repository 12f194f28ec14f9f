// Noise as an image, the same for the same seed.
#ifndef LASSO_TESTS_SUPPORT_RANDOM_IMAGE_H_
#define LASSO_TESTS_SUPPORT_RANDOM_IMAGE_H_

#include <cstdint>

#include "core/random.h"
#include "lasso/image.h"

namespace lasso::test {

// Every value of every pixel is drawn from 0 to 255.
inline Image random_image(int width, int height, PixelFormat format, std::uint64_t seed) {
  SplitMix64 random(seed);
  Image image{width, height, format, {}};
  image.pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) *
                      static_cast<std::size_t>(channels(format)));
  for (std::uint8_t& value : image.pixels) value = static_cast<std::uint8_t>(random.below(256));
  return image;
}

}  // namespace lasso::test

#endif  // LASSO_TESTS_SUPPORT_RANDOM_IMAGE_H_
