// SAM of small ONNX models in all the shapes that exporters write; every value is a sum that is
// known.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/random.h"
#include "lasso/lasso.h"
#include "support/capped.h"
#include "support/errors.h"
#include "support/files.h"
#include "support/onnx_sam.h"

namespace lasso {
namespace {

using test::sum_of;

class SmallParts : public testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& bytes) {
    test::write_bytes(folder_ / name, bytes);
    return folder_ / name;
  }
  ModelParts decoder(const test::OnnxDecoderParts& parts) {
    ModelParts model;
    model.decoder = write("decoder.onnx", test::sum_decoder(parts));
    return model;
  }
  Engine assemble(const ModelParts& parts) const {
    ModelParts chosen = parts;
    chosen.runtime = runtime_;
    return Engine::assemble(chosen, test::capped());
  }

  // Of 32x32 pixels whose embedding sums up to 78.
  static Embedding embedding(const Segmenter& segmenter) {
    std::vector<float> values;
    for (int i = 1; i <= 12; ++i) values.push_back(static_cast<float>(i));
    return Embedding::from_array({ElementType::kFloat32, {3, 2, 2}, values.data()}, segmenter, 32,
                                 32);
  }
  // A point whose coordinates sum up to 30.
  static Prompt point(bool multimask = false) {
    Prompt prompt;
    prompt.points.push_back({10, 20, PointLabel::kForeground});
    prompt.multimask = multimask;
    return prompt;
  }
  static std::vector<float> firsts(const Segmentation& answer) {
    std::vector<float> values;
    for (std::size_t i = 0; i < answer.low_res_logits.size(); i += 64) {
      values.push_back(answer.low_res_logits[i]);
    }
    return values;
  }

  test::TempDir folder_;
  std::string runtime_;  // empty: Lasso's own
};

// Whether this build has the runtime, and this machine its library.
bool has_runtime(const std::string& runtime) {
  try {
    runtime_info(runtime);
    return true;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUnsupported) throw;
    return false;
  }
}

// The same on Lasso and on other runtimes, which run the models alone.
class OnRuntime : public SmallParts, public testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    runtime_ = GetParam();
    if (!runtime_.empty() && !has_runtime(runtime_)) {
      GTEST_SKIP() << "this build has no " << runtime_ << " (script/setup-onnxruntime)";
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Runtimes, OnRuntime, testing::Values("", "onnxruntime"),
                         [](const auto& info) {
                           const std::string name = info.param;
                           return name.empty() ? "lasso" : name;
                         });

using Floats = std::vector<float>;

// The labels are 1 of the point and -1 of the padding in place of a box.
TEST_P(OnRuntime, MetasDecoder) {
  Segmenter segmenter(assemble(decoder({})));
  const Embedding image = embedding(segmenter);
  const Segmentation one = segmenter.segment(image, point());
  EXPECT_EQ(firsts(one), (Floats{sum_of(78, 30, 0)}));
  EXPECT_EQ(one.iou_predictions, (Floats{1}));
  EXPECT_EQ(one.low_res_logits[9], sum_of(78, 30, 0) + 9);
  const Segmentation several = segmenter.segment(image, point(true));
  EXPECT_EQ(firsts(several),
            (Floats{sum_of(78, 30, 0, 1), sum_of(78, 30, 0, 2), sum_of(78, 30, 0, 3)}));
  EXPECT_EQ(several.iou_predictions, (Floats{5, 9, 7}));
  Prompt box;
  box.box = Box{1, 2, 3, 4};
  EXPECT_EQ(firsts(segmenter.segment(image, box)), (Floats{sum_of(78, 10, 5)}));
  Prompt masked = point();
  masked.mask_input.assign(64, 0.5F);
  EXPECT_EQ(firsts(segmenter.segment(image, masked)), (Floats{sum_of(78, 30, 0, 0, 32)}));
  segmenter.warm_up({32, 32, 1, 2, 3, true});
}

TEST_P(OnRuntime, SeveralPromptsAtATime) {
  test::OnnxDecoderParts parts;
  parts.prompts = -1;
  Segmenter segmenter(assemble(decoder(parts)));
  Prompt other = point(true);
  other.points[0].x = 11;
  const std::vector<Segmentation> answers =
      segmenter.segment(embedding(segmenter), {point(), other, point()});
  EXPECT_EQ(firsts(answers[0]), (Floats{sum_of(78, 30, 0)}));
  EXPECT_EQ(firsts(answers[1])[0], sum_of(78, 31, 0, 1));
  EXPECT_EQ(firsts(answers[2]), (Floats{sum_of(78, 30, 0)}));
}

// Scores first, no mask, no size of the image.
TEST_P(OnRuntime, EdgeSamsDecoder) {
  test::OnnxDecoderParts parts;
  parts.takes_mask = parts.takes_size = false;
  parts.scores_first = true;
  Segmenter segmenter(assemble(decoder(parts)));
  EXPECT_FALSE(segmenter.engine().info().sam->takes_mask);
  const Embedding image = embedding(segmenter);
  EXPECT_EQ(firsts(segmenter.segment(image, point())), (Floats{sum_of(78, 30, 0)}));
  Prompt masked = point();
  masked.mask_input.assign(64, 0.5F);
  EXPECT_ERROR(segmenter.segment(image, masked), ErrorCode::kInvalidArgument, "takes none");
  EXPECT_ERROR(segmenter.warm_up({32, 32, 1, 1, 2, true}), ErrorCode::kInvalidArgument,
               "takes none");
}

// Points and masks have queries, points are padded to six at (-1, -1), and of the three masks the
// one of the highest predicted IoU answers a prompt that is not ambiguous.
TEST_P(OnRuntime, EfficientSamsPair) {
  test::OnnxDecoderParts parts;
  parts.takes_mask = false;
  parts.has_queries = true;
  parts.masks = 3;
  ModelParts model = decoder(parts);
  model.encoders = {write("encoder.onnx", test::stretching_encoder())};
  Segmenter segmenter(assemble(model));
  EXPECT_EQ(segmenter.engine().info().preprocess, "efficientsam");
  EXPECT_EQ(segmenter.engine().info().sam->candidates, 3);
  const Embedding image = embedding(segmenter);
  const float sum = sum_of(78, 30 - 10, 1 - 5);
  const Segmentation one = segmenter.segment(image, point());
  EXPECT_EQ(firsts(one), (Floats{sum + 200}));
  EXPECT_EQ(one.iou_predictions, (Floats{9 - 4}));
  const Segmentation several = segmenter.segment(image, point(true));
  EXPECT_EQ(firsts(several), (Floats{sum, sum + 100, sum + 200}));
  Prompt many = point();
  many.points.resize(7, many.points[0]);
  EXPECT_ERROR(segmenter.segment(image, many), ErrorCode::kInvalidArgument, "takes 6 at most");

  const std::vector<std::uint8_t> pixels(32 * 32 * 3, 51);
  const Embedding grey = segmenter.encode({pixels.data(), 32, 32, 96, PixelFormat::kRgb});
  std::vector<float> values(grey.size());
  grey.copy_to(values.data());
  for (const float value : values) EXPECT_NEAR(value, 0.2F, 1e-6F);
}

TEST_P(OnRuntime, AFixedNumberOfPointsIsPadded) {
  test::OnnxDecoderParts parts;
  parts.points = 3;
  Segmenter segmenter(assemble(decoder(parts)));
  const Embedding image = embedding(segmenter);
  EXPECT_EQ(firsts(segmenter.segment(image, point())), (Floats{sum_of(78, 30, 1 - 2)}));
  Prompt many = point();
  many.box = Box{1, 2, 3, 4};
  EXPECT_EQ(firsts(segmenter.segment(image, many)), (Floats{sum_of(78, 40, 6)}));
  many.points.push_back(many.points[0]);
  EXPECT_ERROR(segmenter.segment(image, many), ErrorCode::kInvalidArgument, "takes 3 at most");
  segmenter.warm_up();
  parts.points = 1;
  Segmenter one(assemble(decoder(parts)));
  one.warm_up();
  EXPECT_EQ(firsts(one.segment(embedding(one), point())), (Floats{sum_of(78, 30, 1)}));
}

// Masks of the image's size alone: what they were resized from.
TEST_P(OnRuntime, MasksBeforeTheyAreResized) {
  test::OnnxDecoderParts parts;
  parts.low_res = false;
  Segmenter segmenter(assemble(decoder(parts)));
  EXPECT_EQ(firsts(segmenter.segment(embedding(segmenter), point())), (Floats{sum_of(78, 30, 0)}));
}

std::vector<float> encoded(Segmenter& segmenter) {
  std::vector<std::uint8_t> pixels(32 * 32 * 3);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * 7);
  const Embedding embedding =
      segmenter.encode({pixels.data(), 32, 24, 96, PixelFormat::kRgb});  // padded below
  std::vector<float> values(embedding.size());
  embedding.copy_to(values.data());
  return values;
}

void expect_near(const std::vector<float>& values, const std::vector<float>& expected) {
  ASSERT_EQ(values.size(), expected.size());
  for (std::size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(values[i], expected[i], 1e-6F) << i;
}

// One that normalises and pads itself gives what one of normalised images gives, also in a chain.
TEST_P(OnRuntime, EncodersWithPreprocessingInside) {
  ModelParts plain = decoder({});
  plain.encoders = {write("plain.onnx", test::plain_encoder())};
  ModelParts raw = plain;
  raw.encoders = {write("raw.onnx", test::raw_encoder())};
  Segmenter a(assemble(plain));
  Segmenter b(assemble(raw));
  SegmenterOptions options;
  options.encoders = {Engine::build(write("fixed.onnx", test::raw_encoder(32)), test::capped())};
  Segmenter c(assemble(decoder({})), options);
  EXPECT_EQ(b.engine().info().preprocess, "sam");
  const std::vector<float> expected = encoded(a);
  const std::vector<float> inside = encoded(b);
  ASSERT_EQ(inside.size(), 12U);
  for (std::size_t i = 0; i < 12; ++i) EXPECT_NEAR(inside[i], expected[i], 1e-5F);
  expect_near(encoded(c), inside);
}

// A split encoder: parts take what the one before gives, merged into one program or as engines.
TEST_P(OnRuntime, SplitEncoders) {
  const auto part = [](const std::string& in, const std::string& out, bool second) {
    using namespace test;
    OnnxGraphParts parts;
    parts.initializers = {onnx_raw_tensor("two", {1}, {2})};
    parts.nodes = {onnx_node("Mul", {in, "two"}, {"m"}, "m")};
    const std::string scaled = onnx_value(in, kFloat, onnx_sizes({1, 3, 32, 32}));
    if (second) {
      parts.nodes = {onnx_node("Sub", {in, "skip"}, {"planes"}, "s"), onnx_means("planes")};
      parts.inputs = {onnx_value("skip", kFloat, onnx_sizes({1, 3, 32, 32})), scaled};
      parts.outputs = {onnx_value(out, kFloat, onnx_sizes({1, 3, 2, 2}))};
    } else {
      parts.nodes.push_back(onnx_node("Mul", {"m", "two"}, {out}, "n"));
      parts.nodes.push_back(onnx_node("Mul", {in, "two"}, {"skip"}, "k"));
      parts.inputs = {scaled};
      parts.outputs = {onnx_value(out, kFloat, onnx_sizes({1, 3, 32, 32})),
                       onnx_value("skip", kFloat, onnx_sizes({1, 3, 32, 32}))};
    }
    return onnx_model(onnx_graph(parts));
  };
  const std::string first = write("a.onnx", part("images", "x", false));
  const std::string second = write("b.onnx", part("x", "image_embeddings", true));
  ModelParts plain = decoder({});
  plain.encoders = {write("plain.onnx", test::plain_encoder())};
  ModelParts split = plain;
  split.encoders = {first, second};
  Segmenter whole(assemble(plain));
  Segmenter merged(assemble(split));
  std::vector<float> expected = encoded(whole);
  for (float& value : expected) value *= 2;  // 4 x - 2 x
  const std::vector<float> values = encoded(merged);
  for (std::size_t i = 0; i < 12; ++i) EXPECT_NEAR(values[i], expected[i], 1e-4F);

  SegmenterOptions options;
  options.encoders = {Engine::build(first, test::capped()), Engine::build(second, test::capped())};
  Segmenter chained(assemble(decoder({})), options);
  expect_near(encoded(chained), values);
  std::swap(options.encoders[0], options.encoders[1]);
  EXPECT_ERROR(Segmenter(assemble(decoder({})), options), ErrorCode::kInvalidArgument,
               "engine 1 of 2 of the image encoder: it takes");
  options.encoders.pop_back();
  options.encoders[0] = Engine::build(first, test::capped());
  EXPECT_ERROR(Segmenter(assemble(decoder({})), options), ErrorCode::kInvalidArgument,
               "one embedding is expected, float [1, 3, 2, 2]");
  std::swap(split.encoders[0], split.encoders[1]);
  EXPECT_ERROR(assemble(split), ErrorCode::kInvalidArgument, "b.onnx: no image encoder");
}

TEST_F(SmallParts, AnotherRuntimeIsAskedFor) {
  ModelParts parts = decoder({});
  parts.runtime = "tvm";
  EXPECT_ERROR(Engine::assemble(parts, test::capped()), ErrorCode::kInvalidArgument,
               "runtime \"tvm\": expected onnxruntime");
  parts.runtime = "onnxruntime";
  EXPECT_ERROR(Engine::assemble_file(parts, folder_ / "a.lasso", test::capped()),
               ErrorCode::kUnsupported, "is no part of an engine file");
  EngineOptions half = test::capped();
  half.precision = Precision::kBf16;
  EXPECT_ERROR(Engine::assemble(parts, half), ErrorCode::kInvalidArgument, "bf16 is asked for");
  if (!has_runtime(parts.runtime)) {
    EXPECT_ERROR(Engine::assemble(parts, test::capped()), ErrorCode::kUnsupported,
                 "script/setup-onnxruntime");
    return;
  }
  const Engine engine = Engine::assemble(parts, test::capped());
  EXPECT_EQ(engine.info().model_hash, assemble(parts).info().model_hash);
  EXPECT_ERROR(engine.save(folder_ / "a.lasso"), ErrorCode::kUnsupported, "another runtime");
  const auto settings = Segmenter(engine).runtime_settings();
  ASSERT_FALSE(settings.empty());
  EXPECT_EQ(settings.front().first, "runtime");
  EXPECT_TRUE(Segmenter(assemble(parts)).runtime_settings().empty());
  parts.provider = "abacus";
  EXPECT_ERROR(Segmenter(Engine::assemble(parts, test::capped())), ErrorCode::kUnsupported, "cpu");
  ModelParts none;
  none.runtime = parts.runtime;
  none.model = parts.decoder;
  EXPECT_ERROR(Engine::assemble(none, test::capped()), ErrorCode::kInvalidArgument,
               "runs ONNX models, and there is none");
}

TEST_F(SmallParts, UnclearRolesAreStated) {
  using namespace test;
  // A second input that could be the labels.
  const auto two_labels = [&](const std::string& first, const std::string& second) {
    OnnxGraphParts parts;
    parts.initializers = {onnx_raw_tensor("ramp", {1, 1, 8, 8}, std::vector<float>(64, 1.0F)),
                          onnx_integers("shape", {1, 1})};
    parts.nodes = {onnx_node("ReduceSum", {first}, {"l"}, "l"),
                   onnx_node("ReduceSum", {second}, {"k"}, "k"),
                   onnx_node("ReduceSum", {"image_embeddings"}, {"e"}, "e"),
                   onnx_node("ReduceSum", {"points"}, {"p"}, "p"),
                   onnx_node("Add", {"e", "p"}, {"s"}, "s"),
                   onnx_node("Add", {"ramp", "s"}, {"low"}, "low"),
                   onnx_node("Sub", {"l", "k"}, {"d"}, "d"),
                   onnx_node("Reshape", {"d", "shape"}, {"iou"}, "i")};
    parts.inputs = {onnx_value("image_embeddings", kFloat, onnx_sizes({1, 3, 2, 2})),
                    onnx_value("points", kFloat, onnx_sizes({1, -1, 2})),
                    onnx_value(first, kFloat, onnx_sizes({1, -1})),
                    onnx_value(second, kFloat, onnx_sizes({1, -1}))};
    parts.outputs = {onnx_value("low", kFloat, onnx_sizes({1, 1, 8, 8})),
                     onnx_value("iou", kFloat, onnx_sizes({1, 1}))};
    return onnx_model(onnx_graph(parts));
  };
  ModelParts parts;
  parts.decoder = write("two.onnx", two_labels("a", "b"));
  EXPECT_ERROR(assemble(parts), ErrorCode::kInvalidArgument,
               "which input is point_labels is unclear");
  parts.roles = {{"point_labels", "b"}};
  EXPECT_ERROR(assemble(parts), ErrorCode::kInvalidArgument, "what input \"a\" float32 [1, d1] is");
  parts.decoder = write("named.onnx", two_labels("point_labels", "b"));
  parts.roles.clear();
  EXPECT_ERROR(assemble(parts), ErrorCode::kInvalidArgument, "what input \"b\"");

  parts = decoder({});
  parts.roles = {{"point_cords", "b"}};
  EXPECT_ERROR(assemble(parts), ErrorCode::kInvalidArgument, "no role of an input or output");
  parts.roles = {{"point_coords", "b"}};
  EXPECT_ERROR(assemble(parts), ErrorCode::kInvalidArgument,
               "point_coords is said to be \"b\", and no model has such a value: " + parts.decoder +
                   " takes point_labels, image_embeddings, point_coords, ");
  parts.roles = {{"point_coords", "point_coords"}, {"low_res_masks", "low"}};
  EXPECT_NO_THROW(assemble(parts));
}

TEST_F(SmallParts, RolesThatDoNotFitAreRefused) {
  ModelParts parts = decoder({});
  const auto expect = [&](const char* role, const char* name, const std::string& message) {
    parts.roles = {{role, name}};
    EXPECT_ERROR(assemble(parts), ErrorCode::kInvalidArgument, message);
  };
  expect("point_labels", "mask_input",
         "input \"mask_input\" float32 [1, 1, 8, 8] can't be point_labels; it takes");
  expect("mask_input", "scores", "no model has such a value");  // that is an output
  expect("image", "point_coords", "no ONNX model that has it is given");
  expect("low_res_masks", "scores", "output \"scores\" can't be low_res_masks");
  expect("iou_predictions", "low", "output \"low\" can't be iou_predictions");
  expect("masks", "low", "output \"low\" can't be masks");
  parts.roles = {{"point_coords", "point_coords"}, {"point_labels", "point_coords"}};
  EXPECT_ERROR(assemble(parts), ErrorCode::kInvalidArgument, "can't be point_labels");

  parts.encoders = {write("encoder.onnx", test::plain_encoder())};
  expect("image_embeddings", "images", "encoder.onnx gives image_embeddings; ");
  parts.roles = {{"image", "images"}, {"image_embeddings", "image_embeddings"}};
  EXPECT_NO_THROW(assemble(parts));
}

// Whatever a file says: an error of the library, or a model.
TEST_F(SmallParts, ChangedFiles) {
  test::OnnxDecoderParts efficient;
  efficient.takes_mask = false;
  efficient.has_queries = true;
  efficient.masks = 3;
  SplitMix64 random(1);
  int models = 0;
  std::vector<std::string> runtimes{""};
  if (has_runtime("onnxruntime")) runtimes.emplace_back("onnxruntime");
  const std::string encoder = test::raw_encoder();
  for (const std::string& bytes : {test::sum_decoder(), test::sum_decoder(efficient), encoder}) {
    for (int i = 0; i < 40; ++i) {
      std::string changed = bytes;
      changed[random.next() % changed.size()] ^= static_cast<char>(1U << random.next() % 8);
      const bool is_encoder = bytes == encoder;
      ModelParts parts;
      parts.decoder = write("decoder.onnx", is_encoder ? test::sum_decoder() : changed);
      parts.encoders = {write("encoder.onnx", is_encoder ? changed : encoder)};
      for (const std::string& runtime : runtimes) {
        runtime_ = runtime;
        try {
          assemble(parts);
          ++models;
        } catch (const Error& error) {
          EXPECT_NE(error.code(), ErrorCode::kInternal) << error.what();
        }
      }
    }
  }
  EXPECT_GT(models, 0);
}

TEST_F(SmallParts, Sam2IsRefusedByName) {
  using namespace test;
  ModelParts model = decoder({});
  const auto feature = [](const std::string& name, std::int64_t side) {
    return onnx_value(name, kFloat, onnx_sizes({1, 32, side, side}));
  };
  OnnxGraphParts pyramid;
  pyramid.nodes = {onnx_node("Identity", {"a"}, {"low"}, "i"),
                   onnx_node("Identity", {"l"}, {"s"}, "j")};
  pyramid.inputs = {feature("a", 8), feature("b", 16), feature("c", 32),
                    onnx_value("p", kFloat, onnx_sizes({1, -1, 2})),
                    onnx_value("l", kFloat, onnx_sizes({1, -1}))};
  pyramid.outputs = {feature("low", 8), onnx_value("s", kFloat, onnx_sizes({1, -1}))};
  model.decoder = write("sam2.onnx", onnx_model(onnx_graph(pyramid)));
  EXPECT_ERROR(assemble(model), ErrorCode::kUnsupported, "a mask decoder of SAM 2");
  EXPECT_NE(describe_part(model.decoder).find("SAM 2"), std::string::npos);
}

TEST_F(SmallParts, PartsAreDescribed) {
  EXPECT_EQ(describe_part(write("raw.onnx", test::raw_encoder())),
            "image encoder: image input_image, 0 to 255: it normalises and pads");
  test::OnnxDecoderParts parts;
  parts.takes_mask = false;
  EXPECT_EQ(describe_part(decoder(parts).decoder),
            "mask decoder: image_embeddings, point_coords, point_labels, orig_im_size");
}

}  // namespace
}  // namespace lasso
