// Checkpoints as ONNX models, read back: the numbers are those of the checkpoint's own programs.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/random.h"
#include "lasso/onnx.h"
#include "onnx/onnx_run.h"
#include "support/capped.h"
#include "support/errors.h"
#include "support/files.h"

namespace lasso {
namespace {

namespace fs = std::filesystem;
using test::relative_error;

constexpr int kSide = 256;  // of sam_micro's images
constexpr int kGrid = 16;
constexpr int kDim = 64;
constexpr int kLowRes = 64;  // the side of its logits
// Sums of the same numbers in another order: in the decoder, and on a GPU.
constexpr double kTolerance = 1e-5;

const std::string& checkpoint() {
  static const std::string path = test::data_path("sam_micro/checkpoint.pth");
  return path;
}

const Engine& described() {
  static const Engine engine = Engine::build(checkpoint(), test::capped());
  return engine;
}

std::vector<float> random_values(std::size_t count, std::uint64_t seed) {
  SplitMix64 random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = random.normal();
  return values;
}

// [channels, pixels] -> [pixels, channels].
std::vector<float> channels_last(const std::vector<float>& values, std::size_t channels) {
  const std::size_t pixels = values.size() / channels;
  std::vector<float> result(values.size());
  for (std::size_t c = 0; c < channels; ++c) {
    for (std::size_t i = 0; i < pixels; ++i) result[i * channels + c] = values[c * pixels + i];
  }
  return result;
}

HostTensorView view(const std::vector<float>& values, std::vector<std::int64_t> shape) {
  return {ElementType::kFloat32, std::move(shape), values.data()};
}

std::vector<float> floats(const HostTensor& tensor) {
  const auto* values = tensor.as<float>();
  return {values, values + tensor.bytes.size() / sizeof(float)};
}

std::vector<double> wide(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

const std::vector<float>& image() {
  static const std::vector<float> values = random_values(3 * kSide * kSide, 1);
  return values;
}

// What the checkpoint's own encoder makes of image(), channels first.
const std::vector<float>& embedding() {
  static const std::vector<float> values = [] {
    Runner runner(described(), {.program = "image_encoder"});
    const std::vector<float> pixels = channels_last(image(), 3);
    const auto results = runner.run({{"image", view(pixels, {1, kSide, kSide, 3})}});
    return channels_last(floats(results.at("image_embeddings")), kGrid * kGrid);
  }();
  return values;
}

std::vector<float> encode(const std::vector<std::string>& encoders) {
  std::vector<float> values = image();
  std::vector<std::int64_t> shape{1, 3, kSide, kSide};
  for (const std::string& path : encoders) {
    Runner runner(Engine::build(path, test::capped()));
    const auto results = runner.run({{runner.inputs().at(0).name, view(values, shape)}});
    const HostTensor& result = results.at(runner.outputs().at(0).name);
    values = floats(result);
    shape = result.shape;
  }
  return values;
}

// Three prompts of two points each, with a mask.
struct Prompts {
  std::vector<float> coords = {10, 20, 200.5, 100, 30, 40, 0, 0, 20, 30, 150, 220};
  std::vector<float> labels = {1, 0, 1, -1, 2, 3};
  std::vector<float> mask = random_values(kLowRes * kLowRes, 2);
  std::vector<float> has_mask = {1};

  std::map<std::string, HostTensorView> views(const std::vector<float>& embedding) const {
    return {{"image_embeddings", view(embedding, {1, kDim, kGrid, kGrid})},
            {"point_coords", view(coords, {3, 2, 2})},
            {"point_labels", view(labels, {3, 2})},
            {"mask_input", view(mask, {1, 1, kLowRes, kLowRes})},
            {"has_mask_input", view(has_mask, {1})}};
  }
};

// What the checkpoint's own decoder makes of embedding() and the prompts.
std::map<std::string, HostTensor> decode_described(const Prompts& prompts) {
  Runner runner(described(), {.program = "mask_decoder_with_mask_input"});
  const std::vector<float> tokens = channels_last(embedding(), kDim);
  std::vector<float> coords;
  for (const float x : prompts.coords) coords.push_back((x + 0.5F) / kSide);
  std::vector<std::int32_t> labels(prompts.labels.begin(), prompts.labels.end());
  std::vector<float> masks;
  for (int i = 0; i < 3; ++i) masks.insert(masks.end(), prompts.mask.begin(), prompts.mask.end());
  return runner.run({{"image_embeddings", view(tokens, {1, kGrid, kGrid, kDim})},
                     {"point_coords", view(coords, {3, 2, 2})},
                     {"point_labels", {ElementType::kInt32, {3, 2}, labels.data()}},
                     {"mask_input", view(masks, {3, kLowRes, kLowRes, 1})}});
}

// On the CPU the same kernels run, on the same numbers.
void expect_same(const std::vector<float>& values, const std::vector<float>& expected) {
  if (!test::on_gpu()) {
    EXPECT_EQ(values, expected);
  } else {
    EXPECT_LE(relative_error(wide(values), wide(expected)), kTolerance);
  }
}

TEST(OnnxExport, EncodersGiveTheCheckpointsBits) {
  const test::TempDir folder;
  for (const int opset : {16, 21}) {
    OnnxExportOptions options;
    options.opset = opset;
    const OnnxExport files = export_onnx(checkpoint(), folder / std::to_string(opset), options);
    ASSERT_EQ(files.encoders.size(), 1U);
    expect_same(encode(files.encoders), embedding());
  }
}

TEST(OnnxExport, PartsFeedEachOther) {
  const test::TempDir folder;
  OnnxExportOptions options;
  options.parts = 3;
  options.most_bytes = 200'000;  // and weights lie beside the models
  const OnnxExport files = export_onnx(checkpoint(), folder / "parts", options);
  ASSERT_EQ(files.encoders.size(), 3U);
  EXPECT_TRUE(fs::exists(files.encoders[0] + ".data"));
  expect_same(encode(files.encoders), embedding());
}

TEST(OnnxExport, DecodersGiveTheCheckpointsBits) {
  const test::TempDir folder;
  const OnnxExport files = export_onnx(checkpoint(), folder / "all");
  const Prompts prompts;
  const auto expected = decode_described(prompts);
  Runner runner(Engine::build(files.decoder, test::capped()));
  const auto results = runner.run(prompts.views(embedding()));
  EXPECT_EQ(results.at("low_res_masks").shape, (std::vector<std::int64_t>{3, 4, kLowRes, kLowRes}));
  expect_same(floats(results.at("low_res_masks")), floats(expected.at("low_res_logits")));
  expect_same(floats(results.at("iou_predictions")), floats(expected.at("iou_predictions")));
  // Without a mask, what stands in mask_input does not matter.
  Prompts without = prompts;
  without.has_mask = {0};
  const auto plain = runner.run(without.views(embedding()));
  without.mask.assign(without.mask.size(), 3.0F);
  EXPECT_EQ(floats(runner.run(without.views(embedding())).at("low_res_masks")),
            floats(plain.at("low_res_masks")));
  EXPECT_GT(relative_error(wide(floats(plain.at("low_res_masks"))),
                           wide(floats(results.at("low_res_masks")))),
            1e-3);
}

// Of one point, the best of the last three masks; of more, the first.
TEST(OnnxExport, OneMaskIsChosenAsMetasCodeDoes) {
  const test::TempDir folder;
  const OnnxExport all = export_onnx(checkpoint(), folder / "all");
  OnnxExportOptions options;
  options.single_mask = true;
  const OnnxExport one = export_onnx(checkpoint(), folder / "one", options);
  Runner every(Engine::build(all.decoder, test::capped()));
  Runner single(Engine::build(one.decoder, test::capped()));
  const Prompts prompts;
  for (const std::int64_t points : {1, 3}) {
    auto views = prompts.views(embedding());
    const std::vector<float> coords(prompts.coords.begin(), prompts.coords.begin() + 4 * points);
    const std::vector<float> labels(static_cast<std::size_t>(2 * points), 1.0F);
    views["point_coords"] = view(coords, {2, points, 2});
    views["point_labels"] = view(labels, {2, points});
    const auto four = every.run(views);
    const auto chosen = single.run(views);
    const std::vector<float> scores = floats(four.at("iou_predictions"));
    const std::vector<float> masks = floats(four.at("low_res_masks"));
    constexpr std::size_t kPixels = std::size_t{kLowRes} * kLowRes;
    ASSERT_EQ(chosen.at("low_res_masks").shape,
              (std::vector<std::int64_t>{2, 1, kLowRes, kLowRes}));
    for (std::size_t i = 0; i < 2; ++i) {
      const auto begin = scores.begin() + static_cast<std::ptrdiff_t>(4 * i);
      const auto best =
          static_cast<std::size_t>(points > 1 ? 0 : std::max_element(begin + 1, begin + 4) - begin);
      const auto at = [&](const std::vector<float>& from, std::size_t mask) {
        const auto first = from.begin() + static_cast<std::ptrdiff_t>(mask * kPixels);
        return std::vector<float>(first, first + kPixels);
      };
      EXPECT_EQ(at(floats(chosen.at("low_res_masks")), i), at(masks, 4 * i + best)) << points;
      EXPECT_EQ(floats(chosen.at("iou_predictions"))[i], scores[4 * i + best]) << points;
    }
  }
}

// With the size of the picture fixed, which shapes are computed from here.
TEST(OnnxExport, MasksComeAtThePicturesSize) {
  const test::TempDir folder;
  OnnxExportOptions options;
  options.postprocess = options.extra_metrics = options.stability_score = true;
  const OnnxExport files = export_onnx(checkpoint(), folder / "full", options);
  EngineOptions engine = test::capped();
  HostTensor size{ElementType::kFloat32, {2}, std::vector<std::byte>(2 * sizeof(float))};
  const float sides[] = {90, 120};
  std::copy_n(reinterpret_cast<const std::byte*>(sides), sizeof(sides), size.bytes.begin());
  engine.fixed_inputs["orig_im_size"] = size;
  Runner runner(Engine::build(files.decoder, engine));
  const auto results = runner.run(Prompts().views(embedding()));
  ASSERT_EQ(results.at("masks").shape, (std::vector<std::int64_t>{3, 4, 90, 120}));
  const std::vector<float> masks = floats(results.at("masks"));
  const std::vector<float> low = floats(results.at("low_res_masks"));
  const auto above = [](const std::vector<float>& values, std::size_t mask, std::size_t pixels,
                        float logit) {
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(mask * pixels);
    return static_cast<float>(std::count_if(begin, begin + static_cast<std::ptrdiff_t>(pixels),
                                            [&](float x) { return x > logit; }));
  };
  constexpr std::size_t kPixels = 90 * 120;
  constexpr std::size_t kLowPixels = std::size_t{kLowRes} * kLowRes;
  for (std::size_t i = 0; i < 12; ++i) {
    EXPECT_EQ(floats(results.at("areas"))[i], above(masks, i, kPixels, 0));
    EXPECT_FLOAT_EQ(floats(results.at("stability_scores"))[i],
                    above(masks, i, kPixels, 1) / above(masks, i, kPixels, -1));
    EXPECT_FLOAT_EQ(floats(results.at("iou_predictions"))[i],
                    above(low, i, kLowPixels, 1) / above(low, i, kLowPixels, -1));
  }
}

TEST(OnnxExport, RefusesOptionsOutOfRange) {
  const test::TempDir folder;
  const auto refused = [&](const std::string& message, auto change) {
    OnnxExportOptions options;
    change(options);
    EXPECT_EQ(test::code_of([&] { export_onnx(checkpoint(), folder / "none", options); }, message),
              ErrorCode::kInvalidArgument);
  };
  refused("operator set 12: expected 13 to 21", [](auto& options) { options.opset = 12; });
  refused("operator set 22", [](auto& options) { options.opset = 22; });
  refused("0 parts: the encoder has 4 blocks", [](auto& options) { options.parts = 0; });
  refused("5 parts", [](auto& options) { options.parts = 5; });
  refused("extra metrics", [](auto& options) { options.extra_metrics = true; });
  EXPECT_FALSE(fs::exists(folder / "none"));
  test::write_bytes(folder / "file", "");
  EXPECT_EQ(test::code_of([&] { export_onnx(checkpoint(), folder / "file"); }, "no such folder"),
            ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace lasso
