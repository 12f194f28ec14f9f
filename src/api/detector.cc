#include "lasso/detector.h"

#include <utility>

#include "api/engine_impl.h"
#include "core/access.h"
#include "core/check.h"
#include "core/guard.h"
#include "models/detector/run/predictor.h"

namespace lasso {

struct Detector::Impl {
  Impl(const Engine& e, int count, const DetectorOptions& options)
      : engine(e), threads(count), predictor(Access::impl(e)->model, count, options) {}

  Engine engine;
  int threads;
  detector::Predictor predictor;
  DetectionArrays arrays;  // of one image
};

Detector::Detector(const Engine& engine, const DetectorOptions& options) {
  const int threads = thread_count(options.threads);
  impl_ = guarded([&] { return std::make_unique<Impl>(engine, threads, options); });
}

Detector::~Detector() = default;
Detector::Detector(Detector&&) noexcept = default;
Detector& Detector::operator=(Detector&&) noexcept = default;

const Engine& Detector::engine() const { return impl_->engine; }
int Detector::threads() const { return impl_->threads; }
const DetectorInfo& Detector::info() const { return impl_->predictor.info(); }

std::vector<Detection> Detector::detect(const ImageView& image, const DetectOptions& options) {
  return guarded([&] {
    impl_->predictor.detect(&image, 1, options, impl_->arrays);
    return impl_->arrays.of(0);
  });
}

DetectionArrays Detector::detect(const std::vector<ImageView>& images,
                                 const DetectOptions& options) {
  DetectionArrays result;
  detect(images, options, &result);
  return result;
}

void Detector::detect(const std::vector<ImageView>& images, const DetectOptions& options,
                      DetectionArrays* result) {
  LASSO_CHECK(result != nullptr, ErrorCode::kInvalidArgument, "result is null");
  guarded([&] { impl_->predictor.detect(images.data(), images.size(), options, *result); });
}

void Detector::warm_up(int image_width, int image_height, int images,
                       const DetectOptions& options) {
  LASSO_CHECK(image_width > 0 && image_height > 0 && images > 0, ErrorCode::kInvalidArgument,
              "warm_up for {} images of {}x{} pixels", images, image_width, image_height);
  guarded([&] {
    Image blank;
    blank.width = image_width;
    blank.height = image_height;
    blank.format = PixelFormat::kGray;
    blank.pixels.resize(static_cast<std::size_t>(image_width) *
                        static_cast<std::size_t>(image_height));
    const std::vector<ImageView> views(static_cast<std::size_t>(images), blank.view());
    // The second run of a program is what a GPU records.
    constexpr int kRuns = 2;
    for (int i = 0; i < kRuns; ++i) {
      impl_->predictor.detect(views.data(), views.size(), options, impl_->arrays);
    }
  });
}

const DetectTimings& Detector::last_timings() const { return impl_->predictor.timings(); }

const char* to_string(DetectorForm form) noexcept {
  switch (form) {
    case DetectorForm::kBoxes:
      return "boxes";
    case DetectorForm::kMaps:
      return "maps";
    case DetectorForm::kEfficientNms:
      return "efficient_nms";
    case DetectorForm::kNonMaxSuppression:
      return "non_max_suppression";
  }
  return "unknown";
}

}  // namespace lasso
