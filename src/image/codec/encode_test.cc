#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "core/random.h"
#include "lasso/error.h"
#include "lasso/image.h"
#include "lasso/mask.h"

namespace lasso {
namespace {

Image random_image(int width, int height, PixelFormat format, unsigned seed) {
  SplitMix64 random(seed);
  Image image{width, height, format, {}};
  image.pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) *
                      static_cast<std::size_t>(channels(format)));
  // Half noise, half flat.
  std::uint8_t value = 0;
  for (std::uint8_t& p : image.pixels) {
    if (random.below(2) == 0) value = static_cast<std::uint8_t>(random.next());
    p = value;
  }
  return image;
}

Image decode(const std::vector<std::uint8_t>& file) { return decode_image(file, "test.png"); }

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
  SplitMix64 random(4);
  for (const int width : {1, 7, 8, 9, 640}) {
    Mask mask{width, 300, {}};
    for (int i = 0; i < width * 300; ++i) mask.data.push_back(random.below(5) == 0);
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
