// An image's pixels in the memory of a session's device.
#ifndef LASSO_MODELS_DEVICE_IMAGE_H_
#define LASSO_MODELS_DEVICE_IMAGE_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "backend/device.h"
#include "engine/run/session.h"
#include "image/scratch.h"
#include "lasso/image.h"
#include "models/device_kernel.h"

namespace lasso {

class DeviceImage {
 public:
  explicit DeviceImage(engine::Session& session) : session_(session) {}

  // Asks for a copy of the pixels, rows without what lies between them; the view has pixels and a
  // good stride. They may change when it returns; the result is valid until the next call.
  const std::byte* upload(const ImageView& image) {
    const std::size_t row =
        static_cast<std::size_t>(image.width) * static_cast<std::size_t>(channels(image.format));
    const auto height = static_cast<std::size_t>(image.height);
    const std::uint8_t* pixels = image.data;
    if (height > 1 && image.stride_bytes != static_cast<std::ptrdiff_t>(row)) {
      std::uint8_t* dense = dense_.get(row * height);
      for (std::size_t y = 0; y < height; ++y) {
        std::memcpy(dense + y * row,
                    image.data + static_cast<std::ptrdiff_t>(y) * image.stride_bytes, row);
      }
      pixels = dense;
    }
    grow(session_, there_, row * height);
    session_.stream().upload(there_.data(), pixels, row * height);
    return there_.data();
  }

 private:
  engine::Session& session_;
  Scratch<std::uint8_t> dense_;
  backend::Buffer there_;
};

}  // namespace lasso

#endif  // LASSO_MODELS_DEVICE_IMAGE_H_
