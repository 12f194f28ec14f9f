#include "models/yolov7/checkpoint/network.h"

namespace lasso::yolov7 {

std::uint64_t parameter_count(const std::vector<Layer>& layers) {
  std::int64_t count = 0;
  for (const Layer& layer : layers) {
    const auto* convolution = std::get_if<Convolution>(&layer.kind);
    if (convolution == nullptr) continue;
    count += element_count(convolution->weights.dims) + element_count(convolution->bias.dims);
  }
  return static_cast<std::uint64_t>(count);
}

}  // namespace lasso::yolov7
