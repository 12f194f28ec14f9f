#include "image/letterbox.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "core/check.h"
#include "core/threads.h"
#include "image/resize.h"

namespace lasso {

namespace {

constexpr float kOne = 2048.0F;  // of the weights

// The first of the two pixels of a position along an axis, and their weights. It may lie one pixel
// outside.
struct Tap {
  std::int32_t first = 0;
  std::array<std::int32_t, 2> weight{};
};

Tap tap_of(int position, int size, int resized) {
  const double scale = 1.0 / (static_cast<double>(resized) / size);
  const auto at = static_cast<float>((position + 0.5) * scale - 0.5);
  const float first = std::floor(at);
  const float part = at - first;
  return {static_cast<std::int32_t>(first),
          {static_cast<std::int32_t>(std::lrint((1.0F - part) * kOne)),
           static_cast<std::int32_t>(std::lrint(part * kOne))}};
}

// Of the row's columns. What would reach beyond the row is the pixel at its end.
void fill_columns(const Letterbox& box, std::int32_t* columns) {
  for (int x = 0; x < box.resized_width; ++x, columns += 3) {
    Tap tap = tap_of(x, box.width, box.resized_width);
    if (tap.first < 0 || tap.first >= box.width - 1) {
      tap = {std::clamp(tap.first, 0, box.width - 1), {static_cast<std::int32_t>(kOne), 0}};
    }
    columns[0] = tap.first;
    columns[1] = tap.weight[0];
    columns[2] = tap.weight[1];
  }
}

// A row of the image at the resized width, as three planes, each value in 15 bits.
void squeeze_row(const ImageView& image, int y, const std::int32_t* columns, int width,
                 std::int16_t* out) {
  const std::uint8_t* row = image.data + y * image.stride_bytes;
  const int step = channels(image.format);
  const std::array<int, 3> places = channel_places(image.format);
  for (int x = 0; x < width; ++x, columns += 3) {
    const std::uint8_t* pixel = row + static_cast<std::ptrdiff_t>(columns[0]) * step;
    const int next = columns[2] == 0 ? 0 : step;  // none behind the last one
    for (std::size_t c = 0; c < 3; ++c) {
      const std::int32_t sum = pixel[places[c]] * columns[1] + pixel[places[c] + next] * columns[2];
      out[c * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)] =
          static_cast<std::int16_t>(sum >> 4);
    }
  }
}

// The products keep 16 bits less than they have, as OpenCV's do.
void mix_rows(const std::int16_t* upper, const std::int16_t* lower, const Tap& tap, int width,
              float* out) {
  const auto a = static_cast<std::int16_t>(tap.weight[0]);
  const auto b = static_cast<std::int16_t>(tap.weight[1]);
  for (int x = 0; x < width; ++x) {
    const int value = ((a * upper[x] >> 16) + (b * lower[x] >> 16) + 2) >> 2;
    out[x] = static_cast<float>(value) / 255.0F;
  }
}

int rounded(double value) { return static_cast<int>(std::nearbyint(value)); }

}  // namespace

std::array<int, 3> channel_places(PixelFormat format) {
  switch (format) {
    case PixelFormat::kRgb:
    case PixelFormat::kRgba:
      return {0, 1, 2};
    case PixelFormat::kBgr:
    case PixelFormat::kBgra:
      return {2, 1, 0};
    case PixelFormat::kGray:
      break;
  }
  return {0, 0, 0};
}

Letterbox letterbox_of(int width, int height, const LetterboxTarget& target) {
  LASSO_CHECK(width > 0 && height > 0 && target.width > 0 && target.height > 0,
              ErrorCode::kInvalidArgument, "an image of {}x{} pixels for a network of {}x{}", width,
              height, target.width, target.height);
  const double ratio = std::min(static_cast<double>(target.height) / height,
                                static_cast<double>(target.width) / width);
  Letterbox box{.width = width, .height = height};
  box.resized_width = std::clamp(rounded(width * ratio), 1, target.width);
  box.resized_height = std::clamp(rounded(height * ratio), 1, target.height);
  const auto rest = [&](int whole, int part) {
    return (target.stride > 0 ? (whole - part) % target.stride : whole - part) / 2.0;
  };
  const double rest_x = rest(target.width, box.resized_width);
  const double rest_y = rest(target.height, box.resized_height);
  box.left = rounded(rest_x - 0.1);
  box.top = rounded(rest_y - 0.1);
  box.input_width = box.left + box.resized_width + rounded(rest_x + 0.1);
  box.input_height = box.top + box.resized_height + rounded(rest_y + 0.1);
  return box;
}

Box box_in_image(const Letterbox& letterbox, const Box& box) {
  const double gain = std::min(static_cast<double>(letterbox.input_height) / letterbox.height,
                               static_cast<double>(letterbox.input_width) / letterbox.width);
  const auto back = [&](float x, int input, int size) {
    const auto border = static_cast<float>((input - size * gain) / 2);
    return std::clamp((x - border) / static_cast<float>(gain), 0.0F, static_cast<float>(size));
  };
  return {back(box.x0, letterbox.input_width, letterbox.width),
          back(box.y0, letterbox.input_height, letterbox.height),
          back(box.x1, letterbox.input_width, letterbox.width),
          back(box.y1, letterbox.input_height, letterbox.height)};
}

void letterbox_image(const Letterbox& letterbox, const ImageView& image, LetterboxScratch& scratch,
                     float* out) {
  check_view(image);
  LASSO_CHECK(image.width == letterbox.width && image.height == letterbox.height,
              ErrorCode::kInternal, "a letterbox of an image of {}x{} pixels for one of {}x{}",
              letterbox.width, letterbox.height, image.width, image.height);
  const auto width = static_cast<std::size_t>(letterbox.resized_width);
  std::int32_t* columns = scratch.columns.get(3 * width);
  fill_columns(letterbox, columns);
  const std::size_t row_size = 3 * width;
  std::int16_t* rows =
      scratch.rows.get(2 * row_size * static_cast<std::size_t>(omp_get_max_threads()));
  const auto input_width = static_cast<std::size_t>(letterbox.input_width);
  const std::size_t plane = input_width * static_cast<std::size_t>(letterbox.input_height);
  const float pad = static_cast<float>(kLetterboxPad) / 255.0F;
  parallel([&](int thread, int threads) {
    const int begin = static_cast<int>(std::int64_t{letterbox.input_height} * thread / threads);
    const int end = static_cast<int>(std::int64_t{letterbox.input_height} * (thread + 1) / threads);
    // Two rows of the image, and which they are.
    std::array<std::int16_t*, 2> squeezed{rows + 2 * row_size * static_cast<std::size_t>(thread)};
    squeezed[1] = squeezed[0] + row_size;
    std::array<int, 2> held{-1, -1};
    const auto row_of = [&](int y) {
      const auto slot = static_cast<std::size_t>(y % 2);  // neighbours do not replace each other
      if (held[slot] != y) {
        squeeze_row(image, y, columns, letterbox.resized_width, squeezed[slot]);
        held[slot] = y;
      }
      return squeezed[slot];
    };
    for (int y = begin; y < end; ++y) {
      float* to = out + static_cast<std::size_t>(y) * input_width;
      const int from = y - letterbox.top;
      const bool is_border = from < 0 || from >= letterbox.resized_height;
      const Tap tap = is_border ? Tap{} : tap_of(from, letterbox.height, letterbox.resized_height);
      for (std::size_t c = 0; c < 3; ++c, to += plane) {
        if (is_border) {
          std::fill_n(to, input_width, pad);
          continue;
        }
        const std::int16_t* upper = row_of(std::clamp(tap.first, 0, letterbox.height - 1));
        const std::int16_t* lower = row_of(std::clamp(tap.first + 1, 0, letterbox.height - 1));
        float* begin_of_image = std::fill_n(to, letterbox.left, pad);
        mix_rows(upper + c * width, lower + c * width, tap, letterbox.resized_width,
                 begin_of_image);
        std::fill(begin_of_image + width, to + input_width, pad);
      }
    }
  });
}

}  // namespace lasso
