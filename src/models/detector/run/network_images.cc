#include "models/detector/run/network_images.h"

#include <algorithm>
#include <array>

#include "core/threads.h"
#include "image/scratch.h"
#include "kernels/image/problems.h"
#include "models/device_image.h"
#include "models/device_kernel.h"

namespace lasso::detector {

namespace {

class HostImages final : public NetworkImages {
 public:
  HostImages(const engine::Session& session, DType dtype) : session_(session), dtype_(dtype) {}

  void reserve(std::size_t images, std::size_t pixels) override {
    values_ = 3 * pixels;
    const std::size_t count = images * values_;
    if (count <= room_) return;
    if (dtype_ == DType::kF32) {
      std::fill_n(prepared_.get(count), count, 0.0F);
    } else {
      std::fill_n(halves_.get(count), count, std::uint16_t{0});
    }
    room_ = count;
  }

  void prepare(const ImageView& image, const Letterbox& letterbox, std::size_t index) override {
    const ThreadLimit limit(session_.threads());
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

  engine::ConstTensorRef input() const override {
    if (dtype_ == DType::kF32) return prepared_.data();
    return {halves_.data(), dtype_};
  }

 private:
  const engine::Session& session_;
  DType dtype_;
  std::size_t values_ = 0;  // of an image
  std::size_t room_ = 0;    // values that were ever asked for
  LetterboxScratch scratch_;
  Scratch<float> prepared_;
  Scratch<std::uint16_t> halves_;
};

class DeviceImages final : public NetworkImages {
 public:
  DeviceImages(engine::Session& session, DType dtype)
      : session_(session), dtype_(dtype), kernel_(session), image_(session) {}

  bool possible() const { return kernel_.exists(); }

  void reserve(std::size_t images, std::size_t pixels) override {
    image_bytes_ = 3 * pixels * size_of(dtype_);
    const std::size_t bytes = images * image_bytes_;
    if (bytes <= input_.size()) return;
    grow(session_, input_, bytes);
    session_.stream().fill(input_.data(), std::byte{0}, bytes);
  }

  void prepare(const ImageView& image, const Letterbox& letterbox, std::size_t index) override {
    const ThreadLimit limit(session_.threads());  // of copies to pinned memory
    const std::array<const void*, 1> inputs{image_.upload(image)};
    const std::array<void*, 1> outputs{input_.data() + index * image_bytes_};
    kernel_.launch(kernels::make_letterbox_problem(letterbox, image.format, dtype_), inputs,
                   outputs);
  }

  engine::ConstTensorRef input() const override {
    return {input_.data(), dtype_, engine::MemorySpace::kDevice};
  }

 private:
  engine::Session& session_;
  DType dtype_;
  std::size_t image_bytes_ = 0;
  DeviceKernel<kernels::LetterboxProblem> kernel_;
  DeviceImage image_;
  backend::Buffer input_;
};

}  // namespace

std::unique_ptr<NetworkImages> make_network_images(engine::Session& session, DType dtype) {
  auto on_device = std::make_unique<DeviceImages>(session, dtype);
  if (on_device->possible()) return on_device;
  return std::make_unique<HostImages>(session, dtype);
}

}  // namespace lasso::detector
