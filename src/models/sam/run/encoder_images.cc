#include "models/sam/run/encoder_images.h"

#include <algorithm>
#include <array>
#include <vector>

#include "core/threads.h"
#include "kernels/image/problems.h"
#include "models/device_image.h"
#include "models/device_kernel.h"

namespace lasso::sam {

namespace {

std::size_t values_of(const SamModel& model) {
  const auto side = static_cast<std::size_t>(model.config.image_size);
  return side * side * 3;
}

class HostImages final : public EncoderImages {
 public:
  HostImages(const engine::Session& session, const SamModel& model)
      : session_(session), model_(model) {}

  void reserve(std::size_t images) override { input_.get(images * values_of(model_)); }
  void prepare(const ImageView& image, std::size_t index) override {
    const ThreadLimit limit(session_.threads());
    preprocess_image(model_.preprocess, image, model_.config.image_size, scratch_,
                     input_.data() + index * values_of(model_));
  }
  void copy(const float* pixels) override { std::copy_n(pixels, values_of(model_), input_.data()); }
  engine::ConstTensorRef input() const override { return input_.data(); }

 private:
  const engine::Session& session_;
  const SamModel& model_;
  PreprocessScratch scratch_;
  Scratch<float> input_;
};

class DeviceImages final : public EncoderImages {
 public:
  DeviceImages(engine::Session& session, const SamModel& model)
      : session_(session), model_(model), kernel_(session), image_(session) {}

  bool possible() const { return kernel_.exists(); }

  void reserve(std::size_t images) override { grow(session_, input_, images * image_bytes()); }
  void prepare(const ImageView& image, std::size_t index) override {
    const ThreadLimit limit(session_.threads());  // of copies to pinned memory
    check_view(image);
    const kernels::PreprocessProblem problem = kernels::make_preprocess_problem(
        model_.preprocess, image, model_.config.image_size, columns_.taps, rows_.taps);
    upload(columns_);
    upload(rows_);
    const std::array<const void*, 3> inputs{image_.upload(image), columns_.there.data(),
                                            rows_.there.data()};
    const std::array<void*, 1> outputs{input_.data() + index * image_bytes()};
    kernel_.launch(problem, inputs, outputs);
  }
  void copy(const float* pixels) override {
    session_.stream().upload(input_.data(), pixels, image_bytes());
  }
  engine::ConstTensorRef input() const override {
    return {input_.data(), DType::kF32, engine::MemorySpace::kDevice};
  }

 private:
  // One axis of the resampling. The sizes are those of the table that is there; the filter is the
  // model's.
  struct Axis {
    ResizeTaps taps;
    backend::Buffer there;
    int in_size = 0;
    int out_size = 0;
  };

  std::size_t image_bytes() const { return values_of(model_) * sizeof(float); }

  void upload(Axis& axis) {
    const ResizeTaps& taps = axis.taps;
    if (axis.in_size == taps.in_size && axis.out_size == taps.out_size) return;
    axis.in_size = 0;  // not valid until complete
    table_.resize(taps.table_size());
    taps.table(table_.data());
    const std::size_t bytes = table_.size() * sizeof(std::int32_t);
    grow(session_, axis.there, bytes);
    session_.stream().upload(axis.there.data(), table_.data(), bytes);
    axis.in_size = taps.in_size;
    axis.out_size = taps.out_size;
  }

  engine::Session& session_;
  const SamModel& model_;
  DeviceKernel<kernels::PreprocessProblem> kernel_;
  Axis columns_;
  Axis rows_;
  std::vector<std::int32_t> table_;
  DeviceImage image_;
  backend::Buffer input_;
};

}  // namespace

std::unique_ptr<EncoderImages> make_encoder_images(engine::Session& session,
                                                   const SamModel& model) {
  auto on_device = std::make_unique<DeviceImages>(session, model);
  if (on_device->possible()) return on_device;
  return std::make_unique<HostImages>(session, model);
}

}  // namespace lasso::sam
