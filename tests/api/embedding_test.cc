// Embeddings as a program of a user makes, saves and loads them.
#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "api/micro.h"
#include "support/embedding_values.h"
#include "support/errors.h"
#include "support/files.h"

namespace lasso {
namespace {

using test::code_of;

TEST_F(Api, PixelFormatsAndStridesGiveTheSameEmbedding) {
  Segmenter segmenter(engine());
  const Embedding expected = segmenter.encode(image().view());
  const int width = image().width;
  const int height = image().height;
  for (const PixelFormat format : {PixelFormat::kBgr, PixelFormat::kRgba, PixelFormat::kBgra}) {
    const int n = channels(format);
    const std::ptrdiff_t stride = width * n + 13;
    std::vector<std::uint8_t> buffer(
        static_cast<std::size_t>(stride) * static_cast<std::size_t>(height), 77);
    const bool swap = format != PixelFormat::kRgba;
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        const std::uint8_t* rgb = image().pixels.data() + (y * width + x) * 3;
        std::uint8_t* out = buffer.data() + y * stride + x * n;
        for (int c = 0; c < 3; ++c) out[c] = rgb[swap ? 2 - c : c];
      }
    }
    const Embedding embedding = segmenter.encode({buffer.data(), width, height, stride, format});
    EXPECT_EQ(expected.size(), 16U * 16 * 64);
    EXPECT_EQ(test::values_of(embedding), test::values_of(expected));
  }
}

TEST_F(Api, EmbeddingsSurviveAFile) {
  Segmenter segmenter(engine());
  const Embedding embedding = segmenter.encode(image().view());
  embedding.save(path("truck.safetensors"));
  const Embedding loaded = Embedding::load(path("truck.safetensors"));
  EXPECT_EQ(loaded.image_width(), image().width);
  EXPECT_EQ(loaded.image_size(), 256);
  EXPECT_EQ(loaded.preprocess(), "sam");
  EXPECT_EQ(loaded.model_hash(), embedding.model_hash());
  const Segmentation a = segmenter.segment(embedding, click(250, 300));
  const Segmentation b = segmenter.segment(loaded, click(250, 300));
  EXPECT_EQ(a.low_res_logits, b.low_res_logits);
  EXPECT_EQ(a.masks.front().data, b.masks.front().data);
}

// An image tells in which range its values were read, and its embedding does.
TEST_F(Api, EmbeddingsKeepTheRange) {
  Segmenter segmenter(engine());
  Image ranged = image();
  ranged.range = ValueRange{12, 4095};
  const Embedding one = segmenter.encode(ranged.view());
  EXPECT_EQ(one.range(), ranged.range);
  EXPECT_EQ(segmenter.encode({ranged.view(), image().view()})[0].range(), ranged.range);
  EXPECT_EQ(segmenter.encode(image().view()).range(), std::nullopt);
  one.save(path("e"));
  EXPECT_EQ(Embedding::load(path("e")).range(), ranged.range);
  segmenter.encode(image().view()).save(path("full"));
  EXPECT_EQ(Embedding::load(path("full")).range(), std::nullopt);
  const std::string bytes = test::read_bytes(path("e"));
  const std::string text = "\"range\":\"12:4095\"";
  const std::size_t at = bytes.find(text);
  ASSERT_NE(at, std::string::npos);
  const auto changed = [&](const std::string& other) {
    EXPECT_EQ(other.size(), text.size());
    test::write_bytes(path("changed"), std::string(bytes).replace(at, text.size(), other));
    return Embedding::load(path("changed"));
  };
  // Files from before there were ranges have no such key.
  EXPECT_EQ(changed("\"other\":\"12:4095\"").range(), std::nullopt);
  for (const char* value : {"12:0005", "0012:12", "1234567", "12:409x", "1:99999", "-2:4095"}) {
    EXPECT_EQ(code_of([&] { changed("\"range\":\"" + std::string(value) + "\""); }, "\"range\""),
              ErrorCode::kCorruptFile)
        << value;
  }
  for (const ValueRange range : {ValueRange{5, 5}, ValueRange{-1, 5}, ValueRange{0, 65536}}) {
    ranged.range = range;
    EXPECT_EQ(code_of([&] { segmenter.encode(ranged.view()); }, "range"),
              ErrorCode::kInvalidArgument);
  }
}

TEST_F(Api, EmbeddingsOfAnotherModelOrPreparationAreRefused) {
  Segmenter segmenter(engine());
  const Embedding embedding = segmenter.encode(image().view());
  EngineOptions options = test::capped();
  options.preprocess = "medsam";
  const Engine medsam = Engine::build(data("checkpoint.pth"), options);
  Segmenter other(medsam);
  EXPECT_EQ(code_of([&] { other.segment(embedding, click(1, 1)); }, "prepared by \"sam\""),
            ErrorCode::kInvalidArgument);
  embedding.save(path("e"));
  std::ifstream in(path("e"), std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), {});
  const std::size_t at = bytes.find(embedding.model_hash());
  ASSERT_NE(at, std::string::npos);
  bytes[at] = bytes[at] == '0' ? '1' : '0';
  std::ofstream(path("e"), std::ios::binary) << bytes;
  const Embedding foreign = Embedding::load(path("e"));
  EXPECT_EQ(code_of([&] { segmenter.segment(foreign, click(1, 1)); }, "another model"),
            ErrorCode::kInvalidArgument);
}

TEST_F(Api, DamagedEmbeddingFilesAreRefused) {
  Segmenter(engine()).encode(image().view()).save(path("e"));
  std::ifstream in(path("e"), std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  for (std::size_t length = 0; length < bytes.size(); length += 1 + bytes.size() / 100) {
    std::ofstream(path("cut"), std::ios::binary) << bytes.substr(0, length);
    EXPECT_EQ(code_of([&] { Embedding::load(path("cut")); }, path("cut")), ErrorCode::kCorruptFile);
  }
  EXPECT_EQ(code_of([&] { Embedding::load(path("absent")); }, path("absent")),
            ErrorCode::kNotFound);
}

TEST_F(Api, EmptyEmbeddingsAreRefused) {
  Segmenter segmenter(engine());
  EXPECT_FALSE(Embedding());
  EXPECT_EQ(code_of([&] { segmenter.segment(Embedding(), click(1, 1)); }, "empty"),
            ErrorCode::kInvalidArgument);
}

// More images than the encoder takes at once, of several sizes.
TEST_F(Api, ManyImagesAreEncodedAsIfEachWereAlone) {
  std::vector<Image> images;
  for (int i = 0; i < 6; ++i) {
    Image cut = image();
    cut.height -= 3 * i;
    images.push_back(cut);
  }
  std::vector<ImageView> views;
  for (const Image& cut : images) views.push_back(cut.view());
  Segmenter segmenter(engine());
  const std::vector<Embedding> together = segmenter.encode(views);
  ASSERT_EQ(together.size(), images.size());
  for (std::size_t i = 0; i < images.size(); ++i) {
    const Embedding alone = segmenter.encode(views[i]);
    EXPECT_EQ(together[i].image_height(), images[i].height);
    const std::vector<float> expected = test::values_of(alone);
    const std::vector<float> values = test::values_of(together[i]);
    double difference = 0;
    double norm = 0;
    for (std::size_t k = 0; k < expected.size(); ++k) {
      difference += std::pow(expected[k] - values[k], 2);
      norm += std::pow(expected[k], 2);
    }
    EXPECT_LE(difference, 1e-12 * norm) << "image " << i;  // 1e-6, squared
  }
  EXPECT_TRUE(segmenter.encode(std::vector<ImageView>{}).empty());
  views[5].width = 0;
  EXPECT_EQ(code_of([&] { segmenter.encode(views); }, "image 5 of "), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace lasso
