#include "core/check.h"
#include "lasso/detector.h"

namespace lasso {

std::vector<Detection> DetectionArrays::of(std::int64_t image) const {
  LASSO_CHECK(image >= 0 && image < images, ErrorCode::kInvalidArgument,
              "image {} of the detections of {}", image, images);
  const auto begin = static_cast<std::size_t>(image * capacity);
  const auto count = static_cast<std::size_t>(num_detections.at(static_cast<std::size_t>(image)));
  std::vector<Detection> result(count);
  for (std::size_t i = 0; i < count; ++i) {
    const float* box = boxes.data() + (begin + i) * 4;
    result[i] = {{box[0], box[1], box[2], box[3]}, scores[begin + i], classes[begin + i]};
  }
  return result;
}

}  // namespace lasso
