#include "image/preprocess.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "core/check.h"
#include "core/threads.h"

namespace lasso {

namespace {

std::vector<Preprocess> make_presets() {
  Preprocess medsam;
  medsam.name = "medsam";
  medsam.resize = Preprocess::Resize::kStretch;
  medsam.filter = ResizeFilter::kBicubic;
  medsam.scale = Preprocess::Scale::kMinMax;
  medsam.mask_resize = Preprocess::MaskResize::kProbabilities;
  Preprocess efficientsam;
  efficientsam.name = "efficientsam";
  efficientsam.resize = Preprocess::Resize::kStretch;
  efficientsam.scale = Preprocess::Scale::kUnit;
  return {Preprocess{}, medsam, efficientsam};
}

const std::vector<Preprocess>& presets() {
  static const std::vector<Preprocess> list = make_presets();
  return list;
}

ValueScale min_max(const std::uint8_t* pixels, std::int64_t count) {
  int low = 255;
  int high = 0;
  with_team([&] {
    int least = low;
    int most = high;
#pragma omp parallel for reduction(min : least) reduction(max : most)
    for (std::int64_t i = 0; i < count; ++i) {
      least = std::min<int>(least, pixels[i]);
      most = std::max<int>(most, pixels[i]);
    }
    low = least;
    high = most;
  });
  const auto shift = static_cast<float>(low);
  const float divisor = std::max(static_cast<float>(high - low), 1e-8f);
  return {{shift, shift, shift}, {divisor, divisor, divisor}};
}

// The channels repeat with period 3, vectors with period 8: blocks of 24 values vectorise.
void normalise_row(const std::uint8_t* in, std::int64_t count, const ValueScale& scale,
                   float* out) {
  constexpr int kBlock = 24;
  float shift[kBlock];
  float divisor[kBlock];
  for (int i = 0; i < kBlock; ++i) {
    shift[i] = scale.shift[static_cast<std::size_t>(i) % 3];
    divisor[i] = scale.divisor[static_cast<std::size_t>(i) % 3];
  }
  std::int64_t i = 0;
  for (; i + kBlock <= count; i += kBlock) {
    for (int j = 0; j < kBlock; ++j) {
      out[i + j] = (static_cast<float>(in[i + j]) - shift[j]) / divisor[j];
    }
  }
  for (int j = 0; i + j < count; ++j) {
    out[i + j] = (static_cast<float>(in[i + j]) - shift[j]) / divisor[j];
  }
}

}  // namespace

const Preprocess& preprocess_preset(std::string_view name) {
  for (const Preprocess& preset : presets()) {
    if (preset.name == name) return preset;
  }
  fail(ErrorCode::kInvalidArgument, "preprocessing \"{}\": expected one of {}", name,
       fmt::join(preprocess_presets(), ", "));
}

std::vector<std::string> preprocess_presets() {
  std::vector<std::string> names;
  for (const Preprocess& preset : presets()) names.push_back(preset.name);
  return names;
}

ValueScale value_scale(const Preprocess& preprocess) {
  if (preprocess.scale == Preprocess::Scale::kMeanStd) return {preprocess.mean, preprocess.std};
  return {{0.0f, 0.0f, 0.0f}, {255.0f, 255.0f, 255.0f}};
}

ResizedSize resized_size(const Preprocess& preprocess, int width, int height, int target) {
  LASSO_CHECK(width > 0 && height > 0 && target > 0, ErrorCode::kInvalidArgument,
              "an image of {}x{} pixels for a model of {}x{}", width, height, target, target);
  ResizedSize size{target, target};
  switch (preprocess.resize) {
    case Preprocess::Resize::kLongestSide: {
      const double scale = static_cast<double>(target) / std::max(width, height);
      size.width = std::max(static_cast<int>(std::floor(width * scale + 0.5)), 1);
      size.height = std::max(static_cast<int>(std::floor(height * scale + 0.5)), 1);
      break;
    }
    case Preprocess::Resize::kStretch:
      break;
    case Preprocess::Resize::kNone:
      LASSO_CHECK(width <= target && height <= target, ErrorCode::kInvalidArgument,
                  "an image of {}x{} pixels does not fit the model's {}x{}, and its preprocessing "
                  "does not resize",
                  width, height, target, target);
      size.width = width;
      size.height = height;
      break;
  }
  if (preprocess.padding == Preprocess::Padding::kCenter) {
    size.offset_x = (target - size.width) / 2;
    size.offset_y = (target - size.height) / 2;
  }
  return size;
}

ModelPoint scale_point(const ResizedSize& resized, int width, int height, float x, float y) {
  const double scale_x = static_cast<double>(resized.width) / width;
  const double scale_y = static_cast<double>(resized.height) / height;
  return {static_cast<float>(x * scale_x + resized.offset_x),
          static_cast<float>(y * scale_y + resized.offset_y)};
}

ResizedSize preprocess_image(const Preprocess& preprocess, const ImageView& image, int image_size,
                             PreprocessScratch& scratch, float* out) {
  check_view(image);
  const ResizedSize size = resized_size(preprocess, image.width, image.height, image_size);
  const std::int64_t row = std::int64_t{3} * size.width;
  const std::int64_t count = row * size.height;
  std::uint8_t* pixels = scratch.resized.get(static_cast<std::size_t>(count));
  resize_rgb(image, size.width, size.height, preprocess.filter, scratch.resize, pixels);

  const ValueScale scale = preprocess.scale == Preprocess::Scale::kMinMax ? min_max(pixels, count)
                                                                          : value_scale(preprocess);
  const std::int64_t left = std::int64_t{3} * size.offset_x;
  const std::int64_t full = std::int64_t{3} * image_size;
  parallel_ranges(image_size, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t y = begin; y < end; ++y) {
      float* to = out + y * full;
      const std::int64_t from = y - size.offset_y;
      if (from < 0 || from >= size.height) {
        std::fill_n(to, full, preprocess.pad_value);
        continue;
      }
      std::fill_n(to, left, preprocess.pad_value);
      normalise_row(pixels + from * row, row, scale, to + left);
      std::fill(to + left + row, to + full, preprocess.pad_value);
    }
  });
  return size;
}

}  // namespace lasso
