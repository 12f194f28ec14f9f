#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <string>
#include <variant>
#include <vector>

#include "core/random.h"
#include "models/random_weights.h"
#include "models/yolov7/published/published_network.h"

namespace lasso::yolov7 {

namespace {

// The deviation that keeps the second moment through a convolution and a function that halves it,
// as a ReLU does (He et al., 2015). A SiLU takes more away, and the biases bring that back.
constexpr double kGain = std::numbers::sqrt2;
constexpr float kBiasDeviation = 0.5F;
// Of the convolutions that give boxes: logits of a deviation below 1.
constexpr double kHeadGain = 0.5;

// The biases that training begins with: about eight objects in an image of 640 pixels, each of
// which is of one class.
Tensor prior_biases(const DetectionLevel& level, std::size_t classes) {
  constexpr double kObjects = 8;
  constexpr double kSide = 640;
  const double cells = std::pow(kSide / level.stride, 2);
  const double class_share = 0.6 / (static_cast<double>(classes) - 0.99);
  std::vector<float> values;
  for (std::size_t anchor = 0; anchor < level.anchors.size(); ++anchor) {
    values.insert(values.end(), 4, 0.0F);
    values.push_back(static_cast<float>(std::log(kObjects / cells)));
    values.insert(values.end(), classes, static_cast<float>(std::log(class_share)));
  }
  const auto count = static_cast<std::int64_t>(values.size());
  return make_tensor({count}, values);
}

}  // namespace

Network random_network(const Architecture& architecture, std::uint64_t seed) {
  Network network = published_network(architecture);
  network.weights = Weights("random weights");
  std::uint64_t layer_seed = mix(seed);
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    auto* layer = std::get_if<Convolution>(&network.layers[i].kind);
    if (layer == nullptr) continue;
    const auto map = std::find(network.maps.begin(), network.maps.end(), static_cast<int>(i));
    const bool is_map = map != network.maps.end();
    const Dims& dims = layer->weights.dims;
    const auto inputs = static_cast<double>(dims[1] * dims[2] * dims[3]);
    const double deviation = (is_map ? kHeadGain : kGain) / std::sqrt(inputs);
    const std::uint64_t weight_seed = mix(++layer_seed);
    layer->weights = normal_tensor(dims, weight_seed, 0, static_cast<float>(deviation));
    layer->bias =
        is_map ? prior_biases(network.levels[static_cast<std::size_t>(map - network.maps.begin())],
                              network.names.size())
               : normal_tensor(layer->bias.dims, mix(weight_seed), 0, kBiasDeviation);
    network.weights.set(network.layers[i].name + ".weight", layer->weights);
    network.weights.set(network.layers[i].name + ".bias", layer->bias);
  }
  return network;
}

}  // namespace lasso::yolov7
