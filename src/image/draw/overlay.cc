#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/check.h"
#include "core/guard.h"
#include "core/threads.h"
#include "image/draw/labels.h"
#include "image/draw/stroke.h"
#include "image/draw/style.h"
#include "image/mask/mask_check.h"
#include "image/resize.h"
#include "lasso/mask.h"

namespace lasso {

namespace {

constexpr Rgb kForeground{34, 190, 84};
constexpr Rgb kBackground{235, 56, 62};

Image copy_rgb(const ImageView& view) {
  Image image;
  image.width = view.width;
  image.height = view.height;
  image.format = PixelFormat::kRgb;
  const auto width = static_cast<std::size_t>(view.width);
  image.pixels.resize(3 * width * static_cast<std::size_t>(view.height));
  parallel_ranges(view.height, [&](std::int64_t begin, std::int64_t end) {
    std::vector<std::uint8_t> row(4 * width + 64);
    for (std::int64_t y = begin; y < end; ++y) {
      std::uint8_t* out = image.pixels.data() + 3 * width * static_cast<std::size_t>(y);
      if (view.format == PixelFormat::kRgb) {
        std::memcpy(out, view.data + y * view.stride_bytes, 3 * width);
        continue;
      }
      unpack_row(view, static_cast<int>(y), row.data());
      for (std::size_t x = 0; x < width; ++x) std::memcpy(out + 3 * x, row.data() + 4 * x, 3);
    }
  });
  return image;
}

// Blends a colour over whole pixels; their channels repeat with period 3, vectors with a power
// of 2.
void blend_run(std::uint8_t* bytes, std::size_t count, Rgb color, int opacity) {
  constexpr std::size_t kBlock = 96;
  std::array<std::uint16_t, kBlock> over{};
  for (std::size_t i = 0; i < kBlock; i += 3) {
    over[i] = static_cast<std::uint16_t>(color.r * opacity + 128);
    over[i + 1] = static_cast<std::uint16_t>(color.g * opacity + 128);
    over[i + 2] = static_cast<std::uint16_t>(color.b * opacity + 128);
  }
  const auto blend = [&](std::uint8_t under, std::uint16_t add) {
    return static_cast<std::uint8_t>(static_cast<std::uint16_t>(under * (256 - opacity) + add) >>
                                     8);
  };
  for (; count >= kBlock; bytes += kBlock, count -= kBlock) {
    for (std::size_t i = 0; i < kBlock; ++i) bytes[i] = blend(bytes[i], over[i]);
  }
  for (std::size_t i = 0; i < count; ++i) bytes[i] = blend(bytes[i], over[i]);
}

void fill_mask(const Mask& mask, Rgb color, float fill, Image& image) {
  const int opacity = static_cast<int>(std::lround(fill * 256.0f));
  const auto width = static_cast<std::size_t>(image.width);
  parallel_ranges(image.height, [&](std::int64_t begin, std::int64_t end) {
    for (auto y = static_cast<std::size_t>(begin); y < static_cast<std::size_t>(end); ++y) {
      const std::uint8_t* inside = mask.data.data() + y * width;
      std::uint8_t* pixels = image.pixels.data() + 3 * y * width;
      for (std::size_t x = 0; x < width;) {
        const void* first = std::memchr(inside + x, 1, width - x);
        if (first == nullptr) break;
        x = static_cast<std::size_t>(static_cast<const std::uint8_t*>(first) - inside);
        const void* after = std::memchr(inside + x, 0, width - x);
        const std::size_t stop =
            after == nullptr
                ? width
                : static_cast<std::size_t>(static_cast<const std::uint8_t*>(after) - inside);
        blend_run(pixels + 3 * x, 3 * (stop - x), color, opacity);
        x = stop;
      }
    }
  });
}

// The middles of a border's pixel edges, smoothed along the border: stairs become lines.
std::vector<Vec2> smooth_border(const std::vector<float>& corners, int radius) {
  std::vector<Vec2> middles;
  const std::size_t count = corners.size() / 2;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t j = (i + 1) % count;
    const float dx = corners[2 * j] - corners[2 * i];
    const float dy = corners[2 * j + 1] - corners[2 * i + 1];
    const float length = std::abs(dx) + std::abs(dy);  // along one axis
    for (float t = 0.5f; t < length; t += 1.0f) {
      // Corners count from the image's corner, pixels from their centres.
      middles.push_back(
          {corners[2 * i] + dx / length * t - 0.5f, corners[2 * i + 1] + dy / length * t - 0.5f});
    }
  }
  // Two running means make a triangular window. Short borders keep their shape.
  const auto size = static_cast<std::ptrdiff_t>(middles.size());
  const std::ptrdiff_t reach = std::min<std::ptrdiff_t>(radius, size / 12);
  if (reach == 0) return middles;
  const float scale = 1.0f / static_cast<float>(2 * reach + 1);
  std::vector<Vec2> means(middles.size());
  for (int pass = 0; pass < 2; ++pass) {
    const auto at = [&](std::ptrdiff_t i) {
      return middles[static_cast<std::size_t>((i + size) % size)];
    };
    for (std::ptrdiff_t i = 0; i < size; ++i) {
      Vec2 sum;
      for (std::ptrdiff_t k = -reach; k <= reach; ++k) {
        sum.x += at(i + k).x;
        sum.y += at(i + k).y;
      }
      means[static_cast<std::size_t>(i)] = {sum.x * scale, sum.y * scale};
    }
    middles.swap(means);
  }
  return middles;
}

std::vector<Segment> outline_of(const Mask& mask, int smoothing) {
  std::vector<Segment> segments;
  for (const std::vector<float>& polygon : mask_polygons(mask)) {
    const std::vector<Vec2> border = smooth_border(polygon, smoothing);
    // Every second point is enough for a smooth line.
    const std::size_t step = border.size() >= 24 ? 2 : 1;
    for (std::size_t i = 0; i < border.size(); i += step) {
      const std::size_t next = i + step < border.size() ? i + step : 0;
      segments.push_back({border[i], border[next]});
    }
  }
  return segments;
}

// Beyond this, lines and markers cannot be seen; it also keeps hostile numbers in range.
float clip(float value, int size) {
  const float margin = 1000.0f;
  if (std::isnan(value)) return -margin;
  return std::clamp(value, -margin, static_cast<float>(size) + margin);
}

// An object that is cut by the image's edge has a box to be seen there, too; a box that is a prompt
// may leave the image.
Box inside(const Box& box, const DrawStyle& style, const Image& image) {
  const float half = std::max(0.0f, style.line / 2 - 0.5f);
  const auto into = [half](float value, int size) {
    const float most = static_cast<float>(size) - 1.0f - half;
    return std::min(std::max(value, half), std::max(most, half));
  };
  return {into(box.x0, image.width), into(box.y0, image.height), into(box.x1, image.width),
          into(box.y1, image.height)};
}

void draw_box(const Box& box, Rgb color, const DrawStyle& style, Image& image) {
  const Vec2 upper_left{clip(box.x0, image.width), clip(box.y0, image.height)};
  const Vec2 lower_right{clip(box.x1, image.width), clip(box.y1, image.height)};
  draw_rectangle(upper_left, lower_right, line_layers(color, style.line / 2, style), image);
}

void draw_point(const Point& point, const DrawStyle& style, Image& image) {
  const Vec2 center{clip(point.x, image.width), clip(point.y, image.height)};
  const bool foreground = point.label == PointLabel::kForeground;
  const float ring = std::max(1.0f, style.marker * 0.22f);
  draw_segments({{center, center}},
                {{kShadow, style.marker + ring, ring * 1.6f + 1.0f, 0.45f},
                 {kWhite, style.marker + ring, 1.0f, 1.0f},
                 {foreground ? kForeground : kBackground, style.marker, 1.0f, 1.0f}},
                image);
  const float arm = style.marker * 0.52f;
  std::vector<Segment> sign{{{center.x - arm, center.y}, {center.x + arm, center.y}}};
  if (foreground) sign.push_back({{center.x, center.y - arm}, {center.x, center.y + arm}});
  draw_segments(sign, {{kWhite, std::max(0.5f, style.marker * 0.15f), 1.0f, 1.0f}}, image);
}

// At the box of the prompt, else at that of the mask.
std::vector<Label> labels_of(const std::vector<OverlayItem>& items) {
  std::vector<Label> labels;
  for (const OverlayItem& item : items) {
    if (item.label.empty()) continue;
    if (item.prompt != nullptr && item.prompt->box) {
      labels.push_back({*item.prompt->box, item.label, item.color});
    } else if (const auto box =
                   item.mask == nullptr ? std::nullopt : mask_bounding_box(*item.mask)) {
      labels.push_back({{static_cast<float>(box->x0), static_cast<float>(box->y0),
                         static_cast<float>(box->x1), static_cast<float>(box->y1)},
                        item.label,
                        item.color});
    }
  }
  return labels;
}

}  // namespace

Image draw_overlay(const ImageView& view, const std::vector<OverlayItem>& items) {
  check_view(view);
  for (const OverlayItem& item : items) {
    if (item.mask == nullptr) continue;
    check_mask(*item.mask);
    LASSO_CHECK(item.mask->width == view.width && item.mask->height == view.height,
                ErrorCode::kInvalidArgument, "a mask of {}x{} over an image of {}x{}",
                item.mask->width, item.mask->height, view.width, view.height);
    LASSO_CHECK(item.fill >= 0.0f && item.fill <= 1.0f, ErrorCode::kInvalidArgument,
                "the fill of a mask is {}, expected 0 to 1", item.fill);
  }
  // Functions without a context run on the calling thread alone: nobody told them how many to use.
  const ThreadLimit limit(1);
  return guard_memory("an overlay", [&] {
    Image image = copy_rgb(view);
    const DrawStyle style(view.width, view.height);
    const int smoothing = static_cast<int>(std::lround(style.line * 1.2f));
    for (const OverlayItem& item : items) {
      if (item.mask != nullptr) fill_mask(*item.mask, item.color, item.fill, image);
    }
    for (const OverlayItem& item : items) {
      if (item.mask == nullptr) continue;
      draw_segments(outline_of(*item.mask, smoothing),
                    line_layers(item.color, style.line / 2, style), image);
    }
    for (const OverlayItem& item : items) {
      if (item.prompt == nullptr) continue;
      if (item.prompt->box) {
        const Box& box = *item.prompt->box;
        draw_box(item.label.empty() ? box : inside(box, style, image), item.color, style, image);
      }
      for (const Point& point : item.prompt->points) draw_point(point, style, image);
    }
    draw_labels(labels_of(items), style, image);
    return image;
  });
}

}  // namespace lasso
