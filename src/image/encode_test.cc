#include "image/encode.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <filesystem>
#include <random>

#include "core/threads.h"
#include "image/deflate.h"
#include "image/image_test_data.h"
#include "lasso/error.h"

namespace lasso {
namespace {

std::vector<std::uint8_t> inflate_raw(const std::string& packed, std::size_t expected) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, -15), Z_OK);
  std::vector<std::uint8_t> out(expected + 16);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  EXPECT_EQ(stream.avail_in, 0u);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

// Bytes with runs of all lengths, and with counts that make the deepest codes.
std::vector<std::vector<std::uint8_t>> samples() {
  std::mt19937 random(5);
  std::vector<std::vector<std::uint8_t>> list{
      {}, {7}, {0, 0, 0}, std::vector<std::uint8_t>(100000)};
  for (std::size_t size = 1; size < 600; size += 7) {
    std::vector<std::uint8_t> runs(3);
    for (std::size_t length = 1; length < size; ++length)
      runs.insert(runs.end(), length, random() & 255u);
    list.push_back(std::move(runs));
  }
  std::vector<std::uint8_t> noise(70000);
  for (std::uint8_t& b : noise) b = static_cast<std::uint8_t>(random());
  list.push_back(noise);
  std::vector<std::uint8_t> fibonacci;
  std::size_t a = 1;
  std::size_t b = 1;
  for (std::uint8_t symbol = 0; symbol < 24; ++symbol) {
    for (std::size_t i = 0; i < a; ++i) fibonacci.push_back(symbol);
    b += std::exchange(a, b);
  }
  std::shuffle(fibonacci.begin(), fibonacci.end(), random);
  list.push_back(fibonacci);
  return list;
}

TEST(Deflate, ZlibReadsWhatItWrites) {
  for (const auto& sample : samples()) {
    std::string packed;
    deflate_part(sample.data(), sample.size(), true, packed);
    EXPECT_EQ(inflate_raw(packed, sample.size()), sample) << sample.size() << " bytes";
    EXPECT_LT(packed.size(), sample.size() + sample.size() / 100 + 300);
  }
}

TEST(Deflate, PartsMakeOneStream) {
  std::string packed;
  std::vector<std::uint8_t> all;
  for (const auto& sample : samples()) {
    deflate_part(sample.data(), sample.size(), false, packed);
    all.insert(all.end(), sample.begin(), sample.end());
  }
  deflate_part(nullptr, 0, true, packed);
  EXPECT_EQ(inflate_raw(packed, all.size()), all);
}

Image random_image(int width, int height, PixelFormat format, unsigned seed) {
  std::mt19937 random(seed);
  Image image{width, height, format, {}};
  image.pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) *
                      static_cast<std::size_t>(channels(format)));
  // Half noise, half flat.
  std::uint8_t value = 0;
  for (std::uint8_t& p : image.pixels) {
    if (random() % 2 == 0) value = static_cast<std::uint8_t>(random());
    p = value;
  }
  return image;
}

Image decode(const std::string& file) {
  return decode_image(reinterpret_cast<const std::uint8_t*>(file.data()), file.size(), "test.png");
}

TEST(EncodePng, EveryFormatReadsBack) {
  struct Case {
    PixelFormat format;
    std::size_t red, green, blue;
  };
  for (const Case& c : {Case{PixelFormat::kRgb, 0, 1, 2}, Case{PixelFormat::kBgr, 2, 1, 0},
                        Case{PixelFormat::kRgba, 0, 1, 2}, Case{PixelFormat::kBgra, 2, 1, 0},
                        Case{PixelFormat::kGray, 0, 0, 0}}) {
    for (const auto& [width, height] :
         std::vector<std::pair<int, int>>{{1, 1}, {3, 700}, {701, 333}}) {
      const Image image = random_image(width, height, c.format, 1);
      const Image back = decode(encode_png(image.view()));
      ASSERT_EQ(back.width, width);
      ASSERT_EQ(back.height, height);
      const auto bytes = static_cast<std::size_t>(channels(c.format));
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < back.pixels.size() / 3; ++i) {
        wrong += back.pixels[3 * i] != image.pixels[bytes * i + c.red];
        wrong += back.pixels[3 * i + 1] != image.pixels[bytes * i + c.green];
        wrong += back.pixels[3 * i + 2] != image.pixels[bytes * i + c.blue];
      }
      EXPECT_EQ(wrong, 0u) << width << "x" << height;
    }
  }
}

TEST(EncodePng, BytesDoNotDependOnThreads) {
  const Image image = random_image(900, 700, PixelFormat::kRgb, 2);
  const ThreadLimit one(1);
  const std::string file = encode_png(image.view());
  const ThreadLimit three(3);
  EXPECT_EQ(encode_png(image.view()), file);
}

TEST(EncodePng, ReadsOnlyTheRowsOfAStridedView) {
  const Image image = random_image(50, 20, PixelFormat::kRgb, 3);
  const ImageView part{image.pixels.data() + 3 * (2 * 50 + 7), 30, 10, 150, PixelFormat::kRgb};
  const Image back = decode(encode_png(part));
  for (std::size_t y = 0; y < 10; ++y) {
    EXPECT_TRUE(std::equal(back.pixels.begin() + static_cast<std::ptrdiff_t>(90 * y),
                           back.pixels.begin() + static_cast<std::ptrdiff_t>(90 * (y + 1)),
                           part.data + 150 * y));
  }
}

TEST(EncodeMaskPng, BothDepthsReadBack) {
  std::mt19937 random(4);
  for (const int width : {1, 7, 8, 9, 640}) {
    Mask mask{width, 300, {}};
    for (int i = 0; i < width * 300; ++i) mask.data.push_back(random() % 5 == 0);
    for (const MaskDepth depth : {MaskDepth::kOneBit, MaskDepth::kByte}) {
      const Image back = decode(encode_mask_png(mask, depth));
      std::size_t wrong = 0;
      for (std::size_t i = 0; i < mask.data.size(); ++i) {
        wrong += back.pixels[3 * i] != (mask.data[i] != 0 ? 255 : 0);
      }
      EXPECT_EQ(wrong, 0u) << width;
    }
  }
}

TEST(EncodeLabelmapPng, PaletteAndSixteenBits) {
  std::vector<std::uint16_t> labels{0, 1, 2, 3, 255, 17};
  const Image small = decode(encode_labelmap_png(labels, 3, 2));
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const Rgb color = labels[i] == 0 ? Rgb{0, 0, 0} : palette_color(labels[i] - 1u);
    EXPECT_EQ(small.pixels[3 * i], color.r);
    EXPECT_EQ(small.pixels[3 * i + 1], color.g);
    EXPECT_EQ(small.pixels[3 * i + 2], color.b);
  }
  labels[5] = 0xabcd;
  const Image large = decode(encode_labelmap_png(labels, 3, 2));
  EXPECT_EQ(large.pixels[15], 0xab);  // the reader keeps the upper 8 bits
  EXPECT_EQ(large.pixels[12], 0);
}

TEST(EncodePng, RefusesWhatIsNoImage) {
  EXPECT_THROW(encode_png(ImageView{}), Error);
  EXPECT_THROW(encode_mask_png(Mask{3, 3, {1}}, MaskDepth::kByte), Error);
  EXPECT_THROW(encode_labelmap_png({1, 2}, 3, 1), Error);
}

TEST(WritePng, CompleteOrNotAtAll) {
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / "lasso_encode_test";
  std::filesystem::create_directories(folder);
  const Image image = random_image(33, 22, PixelFormat::kRgb, 6);
  write_png(folder / "a.png", image.view());
  EXPECT_EQ(read_image(folder / "a.png").pixels, image.pixels);
  try {
    write_png(folder / "missing" / "b.png", image.view());
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(std::string(error.what()).find("b.png"), std::string::npos) << error.what();
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace lasso
