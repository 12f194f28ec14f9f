#include "models/detector/run/network_images.h"

#include <algorithm>

#include "core/threads.h"

namespace lasso::detector {

void NetworkImages::reserve(std::size_t images, std::size_t pixels) {
  values_ = 3 * pixels;
  const std::size_t count = images * values_;
  if (count <= room_) return;
  // What a batch of fewer images leaves as it is, is read, too.
  if (dtype_ == DType::kF32) {
    std::fill_n(prepared_.get(count), count, 0.0F);
  } else {
    std::fill_n(halves_.get(count), count, std::uint16_t{0});
  }
  room_ = count;
}

void NetworkImages::prepare(const ImageView& image, const Letterbox& letterbox, std::size_t index) {
  if (dtype_ == DType::kF32) {
    letterbox_image(letterbox, image, scratch_, prepared_.data() + index * values_);
    return;
  }
  float* values = prepared_.get(values_);
  letterbox_image(letterbox, image, scratch_, values);
  std::uint16_t* to = halves_.data() + index * values_;
  parallel_ranges(static_cast<std::int64_t>(values_), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) to[i] = f32_to_half(dtype_, values[i]);
  });
}

engine::ConstTensorRef NetworkImages::input() const {
  if (dtype_ == DType::kF32) return prepared_.data();
  return {halves_.data(), dtype_};
}

}  // namespace lasso::detector
