// Lasso against PyTorch's own results: embeddings, logits, IoU predictions and masks.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>
#include <string>
#include <tuple>

#include "formats/npy/npy.h"
#include "formats/npy/npz.h"
#include "image/mask/mask_upsample.h"
#include "lasso/error.h"
#include "lasso/segmenter.h"
#include "parity/golden.h"
#include "support/capped.h"
#include "support/embedding_values.h"
#include "support/files.h"

namespace lasso::test {
namespace {

// Norm of the difference over the norm; on a GPU a library's products add in another order.
const double kEmbeddingTolerance = test::on_gpu() ? 1e-4 : 1e-5;
constexpr float kTolerance = 1e-3F;  // absolute, of logits and IoU predictions

// Norm of the difference over the norm; a NaN among the values makes it one.
double relative_error(const std::vector<float>& values, const std::vector<float>& expected) {
  EXPECT_EQ(values.size(), expected.size());
  double difference = 0;
  double norm = 0;
  for (std::size_t i = 0; i < std::min(values.size(), expected.size()); ++i) {
    const double e = expected[i];
    const double d = values[i] - e;
    difference += d * d;
    norm += e * e;
  }
  return std::sqrt(difference / norm);
}

// [g, g, D] against PyTorch's [1, D, g, g].
double relative_error(const Embedding& embedding, const Tensor& reference) {
  const std::vector<float> values = values_of(embedding);
  const auto channels = static_cast<std::size_t>(embedding.channels());
  const std::size_t cells = values.size() / channels;
  std::vector<float> planes(values.size());
  for (std::size_t c = 0; c < channels; ++c) {
    for (std::size_t i = 0; i < cells; ++i) planes[c * cells + i] = values[i * channels + c];
  }
  return relative_error(planes, to_floats(reference));
}

void expect_near(const std::vector<float>& values, const float* expected, const std::string& what) {
  float worst = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_TRUE(std::isfinite(values[i])) << what;
    worst = std::max(worst, std::abs(values[i] - expected[i]));
  }
  EXPECT_LE(worst, kTolerance) << what;
}

// Masks may differ where PyTorch's own logit at the image's size is within the tolerance of zero.
void expect_mask(const Mask& mask, const std::uint8_t* expected, const float* low_res,
                 const MaskUpsample& upsample, const std::string& what) {
  std::vector<float> logits(mask.data.size());
  MaskScratch scratch;
  upsample_logits(upsample, low_res, scratch, logits.data());
  int wrong = 0;
  for (std::size_t i = 0; i < mask.data.size(); ++i) {
    if (mask.data[i] != expected[i] && std::abs(logits[i]) > kTolerance) ++wrong;
  }
  EXPECT_EQ(wrong, 0) << what;
}

void expect_case(Segmenter& segmenter, const Embedding& embedding, const GoldenCase& golden) {
  std::vector<Prompt> prompts = golden.prompts;
  for (Prompt& prompt : prompts) prompt.multimask = golden.multimask;
  const std::vector<Segmentation> results = segmenter.segment(embedding, prompts);
  const auto side = static_cast<std::size_t>(embedding.low_res_side());
  const MaskUpsample upsample =
      mask_upsample_of(preprocess_preset("sam"), embedding.low_res_side(), embedding.image_size(),
                       embedding.image_width(), embedding.image_height());
  const std::size_t masks = golden.multimask ? 3 : 1;
  const std::vector<float> low_res = to_floats(golden.low_res);
  const std::vector<float> iou = to_floats(golden.iou);
  ASSERT_EQ(low_res.size(), results.size() * masks * side * side);
  for (std::size_t p = 0; p < results.size(); ++p) {
    const Segmentation& result = results[p];
    ASSERT_EQ(result.masks.size(), masks);
    expect_near(result.iou_predictions, iou.data() + p * masks, golden.key + " IoU predictions");
    const float* expected = low_res.data() + p * masks * side * side;
    expect_near(result.low_res_logits, expected, golden.key + " low-resolution logits");
    for (std::size_t m = 0; m < masks; ++m) {
      const Mask& mask = result.masks[m];
      expect_mask(mask, golden.masks.data() + (p * masks + m) * mask.data.size(),
                  expected + m * side * side, upsample, golden.key + " mask");
    }
  }
}

struct GoldenRun {
  std::string model;
  bool bundled = false;
  int threads = 1;
};

class Parity : public testing::TestWithParam<GoldenRun> {};

TEST_P(Parity, MatchesSamPredictor) {
  const GoldenRun& run = GetParam();
  const std::string folder = run.bundled ? data_path(run.model) : golden_path(run.model);
  if (!run.bundled && !std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is absent";
  const GoldenModel golden = read_golden(folder);
  const Engine engine = Engine::build(golden.checkpoint, test::capped());
  Segmenter segmenter(engine, {run.threads});
  for (const GoldenImage& image : golden.images) {
    const Image pixels = read_image(image.path);
    const Embedding embedding = segmenter.encode(pixels.view());
    EXPECT_LE(relative_error(embedding, image.embedding), kEmbeddingTolerance) << image.path;
    for (const GoldenCase& c : image.cases) expect_case(segmenter, embedding, c);
  }
}

std::vector<GoldenRun> runs() {
  std::vector<GoldenRun> all;
  for (const int threads : {1, 2}) {
    all.push_back({"sam_micro", true, threads});
    for (const char* model : {"sam_micro", "sam_1024", "sam_h80"}) {
      all.push_back({model, false, threads});
    }
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Golden, Parity, testing::ValuesIn(runs()), [](const auto& info) {
  return info.param.model + (info.param.bundled ? "_bundled_" : "_") +
         std::to_string(info.param.threads) + "_threads";
});

// Half precisions: the norm of the difference over the norm, of embeddings, of the logits of each
// case, and of the IoU predictions of all cases together, of which one alone may be near zero. Each
// value is rounded a few dozen times on its way, by half a unit of its last place and in either
// direction: a few units in all, and twice as many behind the decoder. What that means for masks is
// measured on a trained model (lasso bench accuracy).
class HalfPrecision : public testing::TestWithParam<std::tuple<std::string, Precision>> {};

TEST_P(HalfPrecision, IsNearSamPredictor) {
  const auto& [model, precision] = GetParam();
  const double unit = precision == Precision::kBf16 ? 0x1p-8 : 0x1p-11;
  const std::string folder = model == "bundled" ? data_path("sam_micro") : golden_path(model);
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is absent";
  const GoldenModel golden = read_golden(folder);
  EngineOptions options = test::capped();
  options.precision = precision;
  std::optional<Engine> engine;
  try {
    engine = Engine::build(golden.checkpoint, options);
  } catch (const Error& error) {
    // What the device lacks; nothing else may be missing.
    if (std::string(error.what()).find("precision bf16 needs") == std::string::npos) throw;
    GTEST_SKIP() << error.what();
  }
  Segmenter segmenter(*engine, {2});
  std::vector<float> iou;
  std::vector<float> expected_iou;
  for (const GoldenImage& image : golden.images) {
    const Embedding embedding = segmenter.encode(read_image(image.path).view());
    EXPECT_LE(relative_error(embedding, image.embedding), 4 * unit) << image.path;
    for (const GoldenCase& c : image.cases) {
      std::vector<Prompt> prompts = c.prompts;
      for (Prompt& prompt : prompts) prompt.multimask = c.multimask;
      std::vector<float> low_res;
      for (const Segmentation& result : segmenter.segment(embedding, prompts)) {
        low_res.insert(low_res.end(), result.low_res_logits.begin(), result.low_res_logits.end());
        iou.insert(iou.end(), result.iou_predictions.begin(), result.iou_predictions.end());
      }
      EXPECT_LE(relative_error(low_res, to_floats(c.low_res)), 8 * unit) << c.key;
      const std::vector<float> expected = to_floats(c.iou);
      expected_iou.insert(expected_iou.end(), expected.begin(), expected.end());
    }
  }
  EXPECT_LE(relative_error(iou, expected_iou), 8 * unit);
}

std::vector<Precision> half_precisions() {
  std::vector<Precision> all{Precision::kBf16};
  if (test::on_gpu()) all.push_back(Precision::kFp16);
  return all;
}

INSTANTIATE_TEST_SUITE_P(Golden, HalfPrecision,
                         testing::Combine(testing::Values("bundled", "sam_1024", "sam_h80"),
                                          testing::ValuesIn(half_precisions())),
                         [](const auto& info) {
                           return std::get<0>(info.param) + "_" +
                                  to_string(std::get<1>(info.param));
                         });

// The prompts for an image of another size.
std::vector<Prompt> scaled(std::vector<Prompt> prompts, double x, double y) {
  const auto scale = [](float* value, double by) { *value = static_cast<float>(*value * by); };
  for (Prompt& prompt : prompts) {
    for (Point& point : prompt.points) {
      scale(&point.x, x);
      scale(&point.y, y);
    }
    if (!prompt.box) continue;
    for (float* value : {&prompt.box->x0, &prompt.box->x1}) scale(value, x);
    for (float* value : {&prompt.box->y0, &prompt.box->y1}) scale(value, y);
  }
  return prompts;
}

// Without any image file: from the pixels that SamPredictor made of the image for its model, of
// which Lasso must make the same embedding. Prompts are scaled as the image was.
TEST(RawPixels, MatchSamPredictor) {
  const std::filesystem::path folder = data_path("sam_micro");
  const GoldenModel golden = read_golden(folder);
  const Engine engine = Engine::build(golden.checkpoint, test::capped());
  Segmenter segmenter(engine, {2});
  for (const GoldenImage& image : golden.images) {
    const std::string stem = std::filesystem::path(image.path).stem();
    const Tensor resized = read_npy((folder / (stem + "_resized.npy")).string());
    ASSERT_EQ(resized.dims.size(), 3U);
    const auto height = static_cast<int>(resized.dims[0]);
    const auto width = static_cast<int>(resized.dims[1]);
    const Embedding embedding =
        segmenter.encode({static_cast<const std::uint8_t*>(resized.data.get()), width, height,
                          std::ptrdiff_t{3} * width, PixelFormat::kRgb});
    EXPECT_LE(relative_error(embedding, image.embedding), kEmbeddingTolerance) << image.path;
    for (const GoldenCase& c : image.cases) {
      std::vector<Prompt> prompts = scaled(c.prompts, static_cast<double>(width) / image.width,
                                           static_cast<double>(height) / image.height);
      for (Prompt& prompt : prompts) prompt.multimask = c.multimask;
      const std::vector<Segmentation> results = segmenter.segment(embedding, prompts);
      const std::vector<float> iou = to_floats(c.iou);
      const std::vector<float> low_res = to_floats(c.low_res);
      ASSERT_EQ(results.size(), c.prompts.size());
      for (std::size_t p = 0; p < results.size(); ++p) {
        const Segmentation& result = results[p];
        expect_near(result.iou_predictions, iou.data() + p * iou.size() / results.size(),
                    c.key + " IoU predictions");
        expect_near(result.low_res_logits, low_res.data() + p * low_res.size() / results.size(),
                    c.key + " low-resolution logits");
      }
    }
  }
}

// transformers' SamModel, from the pixels that its processor made, [1, 3, 256, 256].
TEST(HuggingFaceParity, MatchesSamModel) {
  const std::string folder = golden_path("sam_hf_micro");
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is absent";
  const auto arrays = read_npz(folder + "/reference.npz");
  const Engine engine = Engine::build(folder + "/model.safetensors", test::capped());
  for (const int threads : {1, 2}) {
    Segmenter segmenter(engine, {threads});
    const Tensor& planes = arrays.at("pixel_values");
    const auto side = static_cast<std::size_t>(planes.dims[2]);
    const std::vector<float> values = to_floats(planes);
    std::vector<float> pixels(values.size());
    for (std::size_t c = 0; c < 3; ++c) {
      for (std::size_t i = 0; i < side * side; ++i) pixels[i * 3 + c] = values[c * side * side + i];
    }
    const Embedding embedding = segmenter.encode_preprocessed(pixels.data(), static_cast<int>(side),
                                                              static_cast<int>(side));
    EXPECT_LE(relative_error(embedding, arrays.at("image_embeddings")), kEmbeddingTolerance);

    const auto points = to_floats(arrays.at("input_points"));
    const Tensor& labels = arrays.at("input_labels");
    const Dims& shape = arrays.at("input_points").dims;  // [1, prompts, points, 2]
    const auto* label = static_cast<const std::int64_t*>(labels.data.get());
    std::vector<Prompt> prompts(static_cast<std::size_t>(shape[1]));
    std::size_t next = 0;
    for (Prompt& prompt : prompts) {
      for (std::int64_t i = 0; i < shape[2]; ++i, ++next) {
        prompt.points.push_back(
            {points[2 * next], points[2 * next + 1],
             label[next] == 1 ? PointLabel::kForeground : PointLabel::kBackground});
      }
    }
    const auto expect = [&](std::vector<Prompt> asked, bool multimask, const std::string& name) {
      for (Prompt& prompt : asked) prompt.multimask = multimask;
      const auto results = segmenter.segment(embedding, asked);
      const auto masks = to_floats(arrays.at(name + "_pred_masks"));
      const auto scores = to_floats(arrays.at(name + "_iou_scores"));
      std::size_t mask_at = 0;
      std::size_t score_at = 0;
      for (const Segmentation& result : results) {
        ASSERT_LE(mask_at + result.low_res_logits.size(), masks.size());
        expect_near(result.low_res_logits, masks.data() + mask_at, name + " logits");
        expect_near(result.iou_predictions, scores.data() + score_at, name + " IoU");
        mask_at += result.low_res_logits.size();
        score_at += result.iou_predictions.size();
      }
      EXPECT_EQ(mask_at, masks.size());
    };
    expect(prompts, true, "points");

    const auto corners = to_floats(arrays.at("input_boxes"));
    std::vector<Prompt> boxes(corners.size() / 4);
    for (std::size_t i = 0; i < boxes.size(); ++i) {
      boxes[i].box = {corners[4 * i], corners[4 * i + 1], corners[4 * i + 2], corners[4 * i + 3]};
    }
    expect(boxes, false, "boxes");
  }
}

}  // namespace
}  // namespace lasso::test
