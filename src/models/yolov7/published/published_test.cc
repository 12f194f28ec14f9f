#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "graph/graph.h"
#include "models/yolov7/describe/describe.h"
#include "models/yolov7/published/published_network.h"

namespace lasso::yolov7 {
namespace {

const Architecture& architecture(const std::string& name) {
  const auto& all = published_architectures();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Architecture& a) { return a.name == name; });
  return found == all.end() ? throw std::invalid_argument(name) : *found;
}

// As the repository's own models have when their norms and branches are merged.
TEST(YoloPublished, HasTheParametersOfTheOriginals) {
  const std::map<std::string, std::uint64_t> expected{
      {"yolov7", 36905341},     {"yolov7-tiny", 6219709}, {"yolov7-tiny-silu", 6219709},
      {"yolov7x", 71311741},    {"yolov7-w6", 70394300},  {"yolov7-e6", 97202940},
      {"yolov7-d6", 133757052}, {"yolov7-e6e", 151687420}};
  std::map<std::string, std::uint64_t> seen;
  for (const Architecture& known : published_architectures()) {
    seen[known.name] = published_network(known).parameters;
  }
  EXPECT_EQ(seen, expected);
}

// Descriptions check that maps are as large as their strides say.
TEST(YoloPublished, DescribesBoxesOfAllLevels) {
  for (const Architecture& known : published_architectures()) {
    const Network network = published_network(known);
    const bool has_four = network.levels.size() == 4;
    const graph::Graph program = describe(network, {1, 10, 10}, known.name);
    const graph::Shape& boxes = program.value(program.outputs.front()).shape;
    const int cells = has_four ? 100 * (64 + 16 + 4 + 1) : 100 * (16 + 4 + 1);
    EXPECT_EQ(to_string(boxes), to_string(graph::Shape{1, 3 * cells, 85})) << known.name;
    EXPECT_EQ(program.value(program.inputs.front()).shape[2], graph::Dim(has_four ? 640 : 320));
  }
}

TEST(YoloPublished, CallsLayersAsCheckpointsDo) {
  const auto names = [](const std::string& name) {
    std::vector<std::string> list;
    for (const Layer& layer : published_network(architecture(name)).layers) {
      list.push_back(layer.name);
    }
    return list;
  };
  const std::vector<std::string> seven = names("yolov7");
  for (const char* layer : {"0.conv", "12.m", "51.cv7.act", "51.m.2", "104.act", "105.m.2"}) {
    EXPECT_EQ(std::count(seven.begin(), seven.end(), layer), 1) << layer;
  }
  const std::vector<std::string> e6e = names("yolov7-e6e");
  EXPECT_EQ(e6e.front(), "1.conv") << "the reorganisation is part of it";
  EXPECT_EQ(e6e.back(), "261.m.3");
  EXPECT_EQ(std::count(e6e.begin(), e6e.end(), "2.cv3.act"), 1);
}

TEST(YoloPublished, RandomWeightsHaveTheirDeviationAndSeed) {
  const Network network = random_network(architecture("yolov7-tiny"), 1);
  const auto weights = [](const Network& of) {
    const auto& layer = std::get<Convolution>(of.layers[4].kind);  // 2.conv, of 64 channels
    EXPECT_EQ(layer.weights.dims, (Dims{32, 64, 1, 1}));
    const float* values = layer.weights.view().as<float>();
    return std::vector<float>(values, values + element_count(layer.weights.dims));
  };
  const std::vector<float> values = weights(network);
  double sum = 0;
  double squares = 0;
  for (const float value : values) {
    sum += value;
    squares += static_cast<double>(value) * value;
  }
  const auto count = static_cast<double>(values.size());
  const double deviation = std::sqrt(2.0 / 64);
  // Four standard errors of 2048 normal numbers.
  EXPECT_NEAR(sum / count, 0, 4 * deviation / std::sqrt(count));
  EXPECT_NEAR(std::sqrt(squares / count), deviation, 4 * deviation / std::sqrt(2 * count));
  EXPECT_EQ(values, weights(random_network(architecture("yolov7-tiny"), 1)));
  EXPECT_NE(values, weights(random_network(architecture("yolov7-tiny"), 2)));
}

}  // namespace
}  // namespace lasso::yolov7
