#include "models/yolov7/describe/describe.h"

#include <gtest/gtest.h>

#include "engine/run/program_results.h"
#include "formats/checkpoint.h"
#include "models/yolov7/checkpoint/checkpoint.h"
#include "models/yolov7/checkpoint/fold.h"
#include "support/errors.h"
#include "support/files.h"
#include "support/small_detector.h"

namespace lasso::yolov7 {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

constexpr auto kCorrupt = ErrorCode::kCorruptFile;

Convolution random_convolution(const Dims& dims, unsigned seed, ConvolutionForm form = {}) {
  return {form, random_tensor(dims, seed), random_tensor({dims[0]}, seed + 1)};
}

// One level of stride 4 with one anchor and one class.
Network network_of(std::vector<Layer> layers) {
  Network network;
  network.names = {"thing"};
  network.levels = {{4, {{10, 20}}}};
  network.layers = std::move(layers);
  network.maps = {static_cast<int>(network.layers.size() - 1)};
  return network;
}

Layer head(int input, std::int64_t channels) {
  return {"head", random_convolution({6, channels, 1, 1}, 50), {input}, 6};
}

ConvolutionForm form(std::int64_t stride, std::int64_t padding) {
  ConvolutionForm form;
  form.stride = stride;
  form.padding = padding;
  return form;
}

// Convolutions of a reorganisation are the merged ones of what it takes.
TEST(YoloDescribe, MergedReorganisationsGiveTheSame) {
  Convolution behind = random_convolution({5, 12, 3, 3}, 1, form(2, 1));
  const Network apart =
      network_of({{"0", Reorganisation{}, {kImage}, 12}, {"1", behind, {0}, 5}, head(1, 5)});
  const auto* weights = static_cast<const float*>(behind.weights.data.get());
  Filters filters{behind.weights.dims, {weights, weights + element_count(behind.weights.dims)}, {}};
  const std::vector<double> merged = merge_reorganisation(filters).weights;
  Convolution whole{form(4, 2),
                    make_tensor({5, 3, 6, 6}, std::vector<float>(merged.begin(), merged.end())),
                    behind.bias};
  const Network together = network_of({{"0", whole, {kImage}, 5}, head(0, 5)});
  const FixedImages size{2, 3, 5};
  const auto expected = results_of(describe(apart, size, "a.pt"));
  const auto seen = results_of(describe(together, size, "a.pt"));
  ASSERT_EQ(expected.size(), 1U);
  expect_near(DType::kF32, expected[0], seen[0], 1e-4);
}

// Halves of channels, sums, joins, pools and upsampling, against what they are by hand.
TEST(YoloDescribe, LayersComputeWhatTheySay) {
  MaxPool pool{4, 4, 0};
  const Network network = network_of({{"0", pool, {kImage}, 3},
                                      {"1", Upsampling{2}, {0}, 3},
                                      {"2", MaxPool{2, 2, 0}, {1}, 3},
                                      {"3", Concatenation{}, {2, 0}, 6},
                                      {"4", ChannelRange{0, 3}, {3}, 3},
                                      {"5", ChannelRange{3, 6}, {3}, 3},
                                      {"6", Sum{}, {4, 5}, 3},
                                      head(6, 3)});
  // All of it is twice the pooled image.
  Convolution twice = random_convolution({6, 3, 1, 1}, 50);
  std::vector<float> weights(static_cast<const float*>(twice.weights.data.get()),
                             static_cast<const float*>(twice.weights.data.get()) + 18);
  for (float& weight : weights) weight *= 2;
  twice.weights = make_tensor({6, 3, 1, 1}, weights);
  const Network expected = network_of({{"0", pool, {kImage}, 3}, {"head", twice, {0}, 6}});
  const FixedImages size{1, 3, 2};
  expect_near(DType::kF32, results_of(describe(expected, size, ""))[0],
              results_of(describe(network, size, ""))[0], 1e-5);
}

// t = 0 everywhere: boxes are the anchors in the middles of their cells, and scores a half.
TEST(YoloDescribe, BoxesStandInTheirCells) {
  Convolution nothing{form(4, 0), make_tensor({12, 3, 4, 4}, std::vector<float>(576)),
                      make_tensor({12}, std::vector<float>(12))};
  Network network = network_of({{"0", nothing, {kImage}, 12}});
  network.levels = {{4, {{10, 20}, {30, 40}}}};
  const graph::Graph program = describe(network, {1, 2, 3}, "");
  EXPECT_EQ(to_string(program.value(program.outputs[0]).shape), "[1, 12, 6]");
  const auto bytes = results_of(program)[0];
  const auto* box = reinterpret_cast<const float*>(bytes.data());
  for (int anchor = 0; anchor < 2; ++anchor) {
    for (int row = 0; row < 2; ++row) {
      for (int column = 0; column < 3; ++column, box += 6) {
        EXPECT_FLOAT_EQ(box[0], 2.0F + 4.0F * static_cast<float>(column));
        EXPECT_FLOAT_EQ(box[1], 2.0F + 4.0F * static_cast<float>(row));
        EXPECT_FLOAT_EQ(box[2], anchor == 0 ? 10 : 30);
        EXPECT_FLOAT_EQ(box[3], anchor == 0 ? 20 : 40);
        EXPECT_FLOAT_EQ(box[4], 0.5F);
        EXPECT_FLOAT_EQ(box[5], 0.5F);
      }
    }
  }
}

TEST(YoloDescribe, SidesAreMultiplesOfTheLargestStride) {
  const Network network =
      network_of({{"0", random_convolution({4, 3, 4, 4}, 1, form(4, 0)), {kImage}, 4}, head(0, 4)});
  const graph::Graph open = describe(network, {}, "");
  EXPECT_EQ(to_string(open.value(open.inputs[0]).shape), "[batch, 3, 4*rows, 4*columns]");
  EXPECT_EQ(to_string(open.value(open.outputs[0]).shape), "[batch, columns*rows, 6]");
  EXPECT_EQ(graph::symbols(open), (std::vector<std::string>{"batch", "rows", "columns"}));
  EXPECT_EQ(open.typical.at("rows"), 20);
  const graph::Graph fixed = describe(network, {0, 3, 0}, "");
  EXPECT_EQ(to_string(fixed.value(fixed.inputs[0]).shape), "[batch, 3, 12, 4*columns]");
}

TEST(YoloDescribe, SizesThatDoNotFitAreRefused) {
  const Convolution quarter = random_convolution({4, 3, 4, 4}, 1, form(4, 0));
  Network network = network_of({{"0", quarter, {kImage}, 4}, head(0, 4)});
  network.levels[0].stride = 8;
  EXPECT_ERROR(describe(network, {}, "a.pt"), kCorrupt,
               "a.pt: level 0 of the head has stride 8, and a map of 2*rows x 2*columns cells");
  network = network_of({{"0", quarter, {kImage}, 4},
                        {"1", Upsampling{2}, {0}, 4},
                        {"2", Sum{}, {0, 1}, 4},
                        head(2, 4)});
  EXPECT_ERROR(describe(network, {}, "a.pt"), kCorrupt, "value \"2\"");
  network =
      network_of({{"0", random_convolution({4, 3, 9, 9}, 1, form(4, 0)), {kImage}, 4}, head(0, 4)});
  EXPECT_ERROR(describe(network, {1, 1, 1}, "a.pt"), kCorrupt, "a.pt: ");
}

}  // namespace
}  // namespace lasso::yolov7
