#include "image/preprocess.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "core/threads.h"
#include "formats/npy/npy.h"
#include "lasso/error.h"
#include "support/files.h"
#include "support/random_image.h"

namespace lasso {
namespace {

using test::random_image;

std::vector<std::uint8_t> resized(const ImageView& image, int width, int height,
                                  ResizeFilter filter) {
  ResizeScratch scratch;
  std::vector<std::uint8_t> out(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) *
                                3);
  resize_rgb(image, width, height, filter, scratch, out.data());
  return out;
}

// One axis in double precision, with weights and the sum rounded as Pillow rounds them; values are
// [outer][in][inner].
std::vector<std::uint8_t> resample_axis(const std::vector<std::uint8_t>& in, int outer, int size,
                                        int inner, int out_size, ResizeFilter filter) {
  const double scale = static_cast<double>(size) / out_size;
  const double stretch = std::max(scale, 1.0);
  const auto kernel = [&](double t) {
    t = std::abs(t);
    if (filter == ResizeFilter::kBilinear) return std::max(1.0 - t, 0.0);
    if (t < 1) return 1.5 * t * t * t - 2.5 * t * t + 1;
    return t < 2 ? -0.5 * t * t * t + 2.5 * t * t - 4 * t + 2 : 0.0;
  };
  const double support = (filter == ResizeFilter::kBilinear ? 1.0 : 2.0) * stretch;
  std::vector<std::uint8_t> out;
  for (int o = 0; o < outer; ++o) {
    for (int i = 0; i < out_size; ++i) {
      const double center = (i + 0.5) * scale;
      const int begin = std::max(static_cast<int>(std::floor(center - support + 0.5)), 0);
      const int end = std::min(static_cast<int>(std::floor(center + support + 0.5)), size);
      double total = 0;
      for (int k = begin; k < end; ++k) total += kernel((k - center + 0.5) / stretch);
      for (int c = 0; c < inner; ++c) {
        double sum = 0;
        for (int k = begin; k < end; ++k) {
          const double weight = kernel((k - center + 0.5) / stretch) / total;
          sum += std::round(weight * 4194304.0) *
                 in[(static_cast<std::size_t>(o) * size + k) * inner + c];
        }
        const double rounded = std::floor(sum / 4194304.0 + 0.5);
        out.push_back(static_cast<std::uint8_t>(std::min(std::max(rounded, 0.0), 255.0)));
      }
    }
  }
  return out;
}

TEST(Resize, EqualsARowByRowComputation) {
  struct Case {
    int width, height, out_width, out_height;
  };
  for (const ResizeFilter filter : {ResizeFilter::kBilinear, ResizeFilter::kBicubic}) {
    for (const Case& c :
         {Case{40, 30, 64, 48}, Case{100, 77, 31, 24}, Case{37, 50, 37, 50}, Case{1, 1, 8, 8},
          Case{500, 3, 64, 1}, Case{3, 211, 1, 64}, Case{13, 17, 11, 40}}) {
      const Image image = random_image(c.width, c.height, PixelFormat::kRgb, 3);
      const auto columns = resample_axis(image.pixels, c.height, c.width, 3, c.out_width, filter);
      const auto expected =
          resample_axis(columns, 1, c.height, 3 * c.out_width, c.out_height, filter);
      const auto actual = resized(image.view(), c.out_width, c.out_height, filter);
      // A weight that lies on the border between two integers may be rounded to either.
      int wrong = 0;
      int worst = 0;
      for (std::size_t i = 0; i < expected.size(); ++i) {
        wrong += expected[i] != actual[i];
        worst = std::max(worst, std::abs(expected[i] - actual[i]));
      }
      EXPECT_LE(worst, 1) << c.width << "x" << c.height;
      EXPECT_LE(wrong, static_cast<int>(expected.size() / 1000)) << c.width << "x" << c.height;
    }
  }
}

TEST(Resize, SameSizeIsTheSameImage) {
  const Image image = random_image(61, 43, PixelFormat::kRgb, 1);
  EXPECT_EQ(resized(image.view(), 61, 43, ResizeFilter::kBilinear), image.pixels);
  EXPECT_EQ(resized(image.view(), 61, 43, ResizeFilter::kBicubic), image.pixels);
}

TEST(Resize, EveryFormatAndStride) {
  const Image rgb = random_image(53, 29, PixelFormat::kRgb, 9);
  const auto expected = resized(rgb.view(), 37, 41, ResizeFilter::kBilinear);
  struct Case {
    PixelFormat format;
    std::size_t red, blue;
  };
  for (const Case& c : {Case{PixelFormat::kRgb, 0, 2}, Case{PixelFormat::kBgr, 2, 0},
                        Case{PixelFormat::kRgba, 0, 2}, Case{PixelFormat::kBgra, 2, 0}}) {
    const auto bytes = static_cast<std::size_t>(channels(c.format));
    for (const std::size_t padding : {0u, 1u, 77u}) {
      const std::size_t stride = 53 * bytes + padding;
      // Not one byte more than the view may use: the sanitizers watch its end.
      std::vector<std::uint8_t> pixels(stride * 28 + 53 * bytes, 200);
      for (std::size_t y = 0; y < 29; ++y) {
        for (std::size_t x = 0; x < 53; ++x) {
          const std::uint8_t* from = rgb.pixels.data() + 3 * (y * 53 + x);
          std::uint8_t* to = pixels.data() + y * stride + x * bytes;
          to[c.red] = from[0];
          to[1] = from[1];
          to[c.blue] = from[2];
        }
      }
      const ImageView view{pixels.data(), 53, 29, static_cast<std::ptrdiff_t>(stride), c.format};
      EXPECT_EQ(resized(view, 37, 41, ResizeFilter::kBilinear), expected);
    }
  }
  const Image gray = random_image(20, 10, PixelFormat::kGray, 2);
  const auto out = resized(gray.view(), 20, 10, ResizeFilter::kBilinear);
  for (std::size_t i = 0; i < out.size(); ++i) ASSERT_EQ(out[i], gray.pixels[i / 3]);
}

TEST(Resize, BitsDoNotDependOnThreads) {
  const Image image = random_image(301, 207, PixelFormat::kRgb, 5);
  const auto expected = resized(image.view(), 128, 88, ResizeFilter::kBilinear);
  for (const int threads : {1, 3, 7}) {
    const ThreadLimit limit(threads);
    EXPECT_EQ(resized(image.view(), 128, 88, ResizeFilter::kBilinear), expected);
  }
}

TEST(Resize, RefusesEmptyViewsAndShortStrides) {
  const Image image = random_image(8, 8, PixelFormat::kRgb, 5);
  ResizeScratch scratch;
  std::vector<std::uint8_t> out(300);
  ImageView view = image.view();
  view.stride_bytes = 23;
  EXPECT_THROW(resize_rgb(view, 4, 4, ResizeFilter::kBilinear, scratch, out.data()), Error);
  EXPECT_THROW(resize_rgb({}, 4, 4, ResizeFilter::kBilinear, scratch, out.data()), Error);
  EXPECT_THROW(resize_rgb(image.view(), 0, 4, ResizeFilter::kBilinear, scratch, out.data()), Error);
}

// The resized images that Meta's predictor gave to its model, bit for bit.
TEST(Resize, EqualsPillowBitForBit) {
  const std::vector<std::string> folders = test::reference_folders();
  ASSERT_FALSE(folders.empty()) << "no reference data in " << test::data_path("sam_micro");
  for (const std::string& folder : folders) {
    for (const char* stem : {"image0", "image1"}) {
      const std::string path = folder + "/" + stem + ".png";
      if (!std::filesystem::exists(path)) continue;
      const Tensor expected = read_npy(folder + "/" + stem + "_resized.npy");
      const Image image = read_image(path);
      const auto target = static_cast<int>(std::max(expected.dims[0], expected.dims[1]));
      const ResizedSize size =
          resized_size(preprocess_preset("sam"), image.width, image.height, target);
      EXPECT_EQ(size.height, expected.dims[0]);
      EXPECT_EQ(size.width, expected.dims[1]);
      const std::vector<std::uint8_t> pixels =
          resized(image.view(), size.width, size.height, ResizeFilter::kBilinear);
      ASSERT_EQ(expected.dtype, DType::kU8);
      ASSERT_EQ(expected.bytes(), pixels.size());
      EXPECT_EQ(std::memcmp(expected.data.get(), pixels.data(), pixels.size()), 0) << path;
    }
  }
}

TEST(ResizedSize, FollowsResizeLongestSide) {
  const Preprocess& sam = preprocess_preset("sam");
  const auto size = [&](int width, int height) {
    const ResizedSize s = resized_size(sam, width, height, 1024);
    return std::pair(s.width, s.height);
  };
  EXPECT_EQ(size(1920, 1080), std::pair(1024, 576));
  EXPECT_EQ(size(1800, 1200), std::pair(1024, 683));
  EXPECT_EQ(size(1080, 1920), std::pair(576, 1024));
  EXPECT_EQ(size(640, 427), std::pair(1024, 683));
  EXPECT_EQ(size(1, 1), std::pair(1024, 1024));
  EXPECT_EQ(size(20000, 10), std::pair(1024, 1));
  EXPECT_EQ(size(20000, 1), std::pair(1024, 1));  // Meta's gives 0 and fails
  EXPECT_THROW(resized_size(sam, 0, 5, 1024), Error);
  EXPECT_THROW(resized_size(sam, 5, -1, 1024), Error);
}

TEST(ScalePoint, FollowsApplyCoords) {
  const ResizedSize size = resized_size(preprocess_preset("sam"), 600, 420, 256);
  const ModelPoint p = scale_point(size, 600, 420, 250.2f, 302.5f);
  EXPECT_EQ(p.x, static_cast<float>(250.2f * (256.0 / 600)));
  EXPECT_EQ(p.y, static_cast<float>(302.5f * (179.0 / 420)));
}

TEST(Preprocess, UnknownNameListsTheAllowed) {
  try {
    preprocess_preset("samm");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(std::string(error.what()).find("sam, medsam"), std::string::npos) << error.what();
  }
}

std::vector<float> preprocessed(const Preprocess& preprocess, const ImageView& image, int size) {
  PreprocessScratch scratch;
  // Every value must be written: start from one that is never a result.
  std::vector<float> out(static_cast<std::size_t>(size) * static_cast<std::size_t>(size) * 3,
                         1e30f);
  preprocess_image(preprocess, image, size, scratch, out.data());
  return out;
}

TEST(Preprocess, NormalisesAndPads) {
  const Image image = random_image(90, 50, PixelFormat::kRgb, 8);
  Preprocess sam = preprocess_preset("sam");
  for (const auto padding : {Preprocess::Padding::kRightBottom, Preprocess::Padding::kCenter}) {
    sam.padding = padding;
    sam.pad_value = padding == Preprocess::Padding::kCenter ? 0.25f : 0.0f;
    const ResizedSize size = resized_size(sam, 90, 50, 64);
    const auto pixels = resized(image.view(), size.width, size.height, ResizeFilter::kBilinear);
    const std::vector<float> out = preprocessed(sam, image.view(), 64);
    std::size_t wrong = 0;
    for (int y = 0; y < 64; ++y) {
      for (int x = 0; x < 64; ++x) {
        for (int c = 0; c < 3; ++c) {
          const int fx = x - size.offset_x;
          const int fy = y - size.offset_y;
          const bool in = fx >= 0 && fy >= 0 && fx < size.width && fy < size.height;
          const auto channel = static_cast<std::size_t>(c);
          const float expected =
              in ? (pixels[static_cast<std::size_t>((fy * size.width + fx) * 3 + c)] -
                    sam.mean[channel]) /
                       sam.std[channel]
                 : sam.pad_value;
          wrong += out[static_cast<std::size_t>((y * 64 + x) * 3 + c)] != expected;
        }
      }
    }
    EXPECT_EQ(wrong, 0u);
  }
}

TEST(Preprocess, MedsamStretchesAndScalesToTheUnitInterval) {
  const Image image = random_image(90, 50, PixelFormat::kBgr, 8);
  const std::vector<float> out = preprocessed(preprocess_preset("medsam"), image.view(), 32);
  EXPECT_EQ(*std::min_element(out.begin(), out.end()), 0.0f);
  EXPECT_EQ(*std::max_element(out.begin(), out.end()), 1.0f);
  // A flat image has no range to divide by.
  const Image flat{4, 4, PixelFormat::kGray, std::vector<std::uint8_t>(16, 99)};
  for (const float v : preprocessed(preprocess_preset("medsam"), flat.view(), 8))
    EXPECT_EQ(v, 0.0f);
}

TEST(Preprocess, WithoutResizeTheImageMustFit) {
  Preprocess none;
  none.resize = Preprocess::Resize::kNone;
  none.scale = Preprocess::Scale::kUnit;
  const Image image{2, 1, PixelFormat::kGray, {255, 51}};
  const std::vector<float> out = preprocessed(none, image.view(), 2);
  EXPECT_EQ(out, (std::vector<float>{1, 1, 1, 0.2f, 0.2f, 0.2f, 0, 0, 0, 0, 0, 0}));
  EXPECT_THROW(preprocessed(none, image.view(), 1), Error);
}

TEST(Preprocess, ScratchServesOneSizeAfterAnother) {
  PreprocessScratch scratch;
  for (const auto& [width, height] :
       std::vector<std::pair<int, int>>{{90, 50}, {10, 300}, {1, 1}, {90, 50}}) {
    const Image image = random_image(width, height, PixelFormat::kRgb, 4);
    std::vector<float> out(48 * 48 * 3, 1e30f);
    preprocess_image(preprocess_preset("sam"), image.view(), 48, scratch, out.data());
    EXPECT_EQ(out, preprocessed(preprocess_preset("sam"), image.view(), 48));
  }
}

}  // namespace
}  // namespace lasso
