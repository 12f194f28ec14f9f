#include "image/mask/mask_upsample.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "backend/test_target.h"
#include "core/threads.h"
#include "formats/npy/npy.h"
#include "image/mask/mask_rows.h"
#include "lasso/error.h"
#include "support/files.h"
#include "support/tensors.h"

namespace lasso {
namespace {

struct Plane {
  int width = 0;
  int height = 0;
  std::vector<float> values;

  float at(int x, int y) const {
    return values[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                  static_cast<std::size_t>(x)];
  }
};

// interpolate(mode="bilinear", align_corners=False), one pixel at a time.
Plane interpolate(const Plane& in, int width, int height) {
  struct Tap {
    int a, b;
    float wa, wb;
  };
  const auto tap = [](int i, int from, int to) {
    const float scale = static_cast<float>(from) / static_cast<float>(to);
    const float at = std::max(scale * (static_cast<float>(i) + 0.5f) - 0.5f, 0.0f);
    const int a = std::min(static_cast<int>(at), from - 1);
    const float wb = std::min(at - static_cast<float>(a), 1.0f);
    return Tap{a, std::min(a + 1, from - 1), 1.0f - wb, wb};
  };
  Plane out{width, height, {}};
  for (int y = 0; y < height; ++y) {
    const Tap v = tap(y, in.height, height);
    for (int x = 0; x < width; ++x) {
      const Tap h = tap(x, in.width, width);
      const float top = h.wa * in.at(h.a, v.a) + h.wb * in.at(h.b, v.a);
      const float bottom = h.wa * in.at(h.a, v.b) + h.wb * in.at(h.b, v.b);
      out.values.push_back(v.wa * top + v.wb * bottom);
    }
  }
  return out;
}

Plane crop(const Plane& in, const ResizedSize& part) {
  Plane out{part.width, part.height, {}};
  for (int y = 0; y < part.height; ++y) {
    for (int x = 0; x < part.width; ++x) {
      out.values.push_back(in.at(x + part.offset_x, y + part.offset_y));
    }
  }
  return out;
}

Plane reference(const MaskUpsample& u, const std::vector<float>& low_res) {
  Plane low{u.low_res_side, u.low_res_side, low_res};
  if (u.method == Preprocess::MaskResize::kProbabilities) {
    for (float& v : low.values) v = 1.0f / (1.0f + std::exp(-v));
    return interpolate(low, u.width, u.height);
  }
  return interpolate(crop(interpolate(low, u.image_size, u.image_size), u.resized), u.width,
                     u.height);
}

std::vector<float> random_logits(int side, unsigned seed) {
  return test::random_values(std::int64_t{side} * side, seed, 4.0F);
}

std::vector<float> logits(const MaskUpsample& u, const std::vector<float>& low_res) {
  MaskScratch scratch;
  std::vector<float> out(static_cast<std::size_t>(u.width) * static_cast<std::size_t>(u.height));
  upsample_logits(u, low_res.data(), scratch, out.data());
  return out;
}

TEST(MaskUpsample, EqualsPlainInterpolationBitForBit) {
  struct Case {
    int side, image_size, width, height;
  };
  const std::vector<Case> cases{
      {64, 256, 600, 420}, {64, 256, 100, 333},  {64, 256, 256, 256}, {64, 256, 1, 1},
      {64, 256, 2000, 3},  {64, 256, 7, 1999},   {16, 64, 17, 16},    {16, 64, 900, 700},
      {64, 256, 121, 90},  {64, 256, 480, 1024}, {1, 1, 5, 9},        {3, 50, 31, 33},
      {64, 16, 40, 30},
  };
  for (const Preprocess& base : {preprocess_preset("sam"), preprocess_preset("medsam")}) {
    for (const auto padding : {Preprocess::Padding::kRightBottom, Preprocess::Padding::kCenter}) {
      Preprocess preprocess = base;
      preprocess.padding = padding;
      for (const Case& c : cases) {
        MaskUpsample u = mask_upsample_of(preprocess, c.side, c.image_size, c.width, c.height,
                                          backend::test_features());
        const std::vector<float> low = random_logits(c.side, 7);
        for (const auto method :
             {Preprocess::MaskResize::kThroughModel, Preprocess::MaskResize::kProbabilities}) {
          u.method = method;
          EXPECT_EQ(logits(u, low), reference(u, low).values)
              << c.side << " -> " << c.image_size << " -> " << c.width << "x" << c.height;
        }
      }
    }
  }
}

TEST(MaskUpsample, MaskIsTheThresholdedLogitsForAnyNumberOfThreads) {
  const MaskUpsample u =
      mask_upsample_of(preprocess_preset("sam"), 64, 256, 333, 251, backend::test_features());
  const std::vector<float> low = random_logits(64, 3);
  const std::vector<float> values = logits(u, low);
  for (const int threads : {1, 2, 5}) {
    const ThreadLimit limit(threads);
    for (const float threshold : {0.0f, 1.5f}) {
      MaskScratch scratch;
      constexpr std::ptrdiff_t kStride = 340;
      std::vector<std::uint8_t> mask(static_cast<std::size_t>(kStride) * 251, 9);
      upsample_mask(u, low.data(), threshold, scratch, mask.data(), kStride);
      std::size_t wrong = 0;
      for (std::size_t y = 0; y < 251; ++y) {
        for (std::size_t x = 0; x < static_cast<std::size_t>(kStride); ++x) {
          const std::uint8_t expected = x >= 333 ? 9 : values[y * 333 + x] > threshold ? 1 : 0;
          wrong += mask[y * static_cast<std::size_t>(kStride) + x] != expected;
        }
      }
      EXPECT_EQ(wrong, 0u) << threads << " threads, threshold " << threshold;
    }
  }
}

TEST(MaskUpsample, ScratchServesOneSizeAfterAnother) {
  MaskScratch scratch;
  for (const int width : {700, 90, 90, 1400, 256}) {
    for (const char* preset : {"sam", "medsam"}) {
      const MaskUpsample u = mask_upsample_of(preprocess_preset(preset), 32, 128, width, 200,
                                              backend::test_features());
      const std::vector<float> low = random_logits(32, 11);
      std::vector<float> out(static_cast<std::size_t>(width) * 200);
      upsample_logits(u, low.data(), scratch, out.data());
      EXPECT_EQ(out, reference(u, low).values) << preset << " " << width;
    }
  }
}

TEST(MaskUpsample, NotANumberIsOutside) {
  const MaskUpsample u =
      mask_upsample_of(preprocess_preset("sam"), 16, 64, 50, 50, backend::test_features());
  const std::vector<float> low(256, std::nanf(""));
  MaskScratch scratch;
  std::vector<std::uint8_t> mask(2500, 9);
  upsample_mask(u, low.data(), 0.0f, scratch, mask.data(), 50);
  EXPECT_EQ(std::count(mask.begin(), mask.end(), 0), 2500);
}

TEST(MaskUpsample, RefusesSizesThatMakeNoSense) {
  MaskScratch scratch;
  const std::vector<float> low(16);
  std::vector<std::uint8_t> mask(64);
  MaskUpsample u =
      mask_upsample_of(preprocess_preset("sam"), 4, 16, 8, 8, backend::test_features());
  EXPECT_THROW(upsample_mask(u, low.data(), 0.0f, scratch, mask.data(), 7), Error);
  u.resized.offset_x = 1;
  EXPECT_THROW(upsample_mask(u, low.data(), 0.0f, scratch, mask.data(), 8), Error);
  u.resized = {0, 0, 0, 0};
  EXPECT_THROW(upsample_mask(u, low.data(), 0.0f, scratch, mask.data(), 8), Error);
}

// Meta's own masks: equal wherever the logit is not within 1e-3 of the threshold.
TEST(MaskUpsample, EqualsMetasPostprocessing) {
  const std::vector<std::string> folders = test::reference_folders();
  ASSERT_FALSE(folders.empty()) << "no reference data in " << test::data_path("sam_micro");
  int compared = 0;
  std::size_t near_threshold = 0;
  for (const std::string& folder : folders) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      const std::string name = entry.path().filename().string();
      const std::string suffix = "_low_res.npy";
      if (!name.ends_with(suffix)) continue;
      const std::string stem = name.substr(0, name.size() - suffix.size());
      std::string packed_path = folder;
      packed_path.append("/").append(stem).append("_masks_packed.npy");
      if (!std::filesystem::exists(packed_path)) continue;
      const Tensor low = read_npy(entry.path().string());
      const Tensor packed = read_npy(packed_path);
      const auto side = static_cast<int>(low.dims.back());
      const auto height = static_cast<int>(packed.dims[packed.dims.size() - 2]);
      // Packed rows round the width up to whole bytes; all widths here are multiples of 8.
      const int width = 8 * static_cast<int>(packed.dims.back());
      const MaskUpsample u = mask_upsample_of(preprocess_preset("sam"), side, 4 * side, width,
                                              height, backend::test_features());
      const std::size_t pixels = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
      const std::size_t logits_each =
          static_cast<std::size_t>(side) * static_cast<std::size_t>(side);
      MaskScratch scratch;
      std::vector<std::uint8_t> mask(pixels);
      std::vector<float> values(pixels);
      ASSERT_TRUE(low.dtype == DType::kF32 && packed.dtype == DType::kU8) << stem;
      const std::size_t masks = low.bytes() / sizeof(float) / logits_each;
      ASSERT_EQ(packed.bytes() * 8 / pixels, masks) << stem;
      for (std::size_t m = 0; m < masks; ++m) {
        const float* in = low.view().as<float>() + m * logits_each;
        upsample_mask(u, in, 0.0f, scratch, mask.data(), width);
        upsample_logits(u, in, scratch, values.data());
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < pixels; ++i) {
          const std::size_t bit = m * pixels + i;
          const int expected = packed.view().as<std::uint8_t>()[bit / 8] >> (7 - bit % 8) & 1;
          if (mask[i] == expected) continue;
          std::abs(values[i]) < 1e-3f ? ++near_threshold : ++wrong;
        }
        EXPECT_EQ(wrong, 0u) << folder << "/" << stem << " mask " << m;
        ++compared;
      }
    }
  }
  EXPECT_GT(compared, 0);
  RecordProperty("masks", compared);
  RecordProperty("pixels_near_threshold", static_cast<int>(near_threshold));
}

}  // namespace
}  // namespace lasso
