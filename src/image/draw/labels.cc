#include "image/draw/labels.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "image/draw/font.h"

namespace lasso {

namespace {

// Parts of the height of capitals.
constexpr float kPaddingX = 0.5f;
constexpr float kPaddingY = 0.45f;  // more than letters go below their line
constexpr float kCorner = 0.3f;     // radius of a tag's corners

constexpr std::size_t kLeastLetters = 3;

float margin(const DrawStyle& style) { return std::ceil(style.halo); }

// Of everything in a tag but its text.
float frame_width(const DrawStyle& style) {
  return (2 * kPaddingX + kFontWeight) * style.text + 2 * margin(style);
}

// The text, or as much of its beginning as is no wider than `width`; empty for less than three
// letters of a longer one.
std::string fitted(const std::string& text, float width, float height) {
  if (text_width(text, height) <= width) return text;
  for (std::size_t count = text.size() - 1; count >= kLeastLetters; --count) {
    std::string part = text.substr(0, count) + "..";
    if (text_width(part, height) <= width) return part;
  }
  return "";
}

// Tags that are placed, found by their rows: all are equally high, so that a tag touches those of
// three bands of that height at most.
class Taken {
 public:
  Taken(int height, float band)
      : band_(band), bands_(static_cast<std::size_t>(static_cast<float>(height) / band) + 2) {}

  bool is_free(const Box& tag) const {
    const std::size_t middle = band_of(tag);
    for (std::size_t i = middle == 0 ? 0 : middle - 1; i < bands_.size() && i <= middle + 1; ++i) {
      for (const Box& other : bands_[i]) {
        if (tag.x0 < other.x1 && other.x0 < tag.x1 && tag.y0 < other.y1 && other.y0 < tag.y1) {
          return false;
        }
      }
    }
    return true;
  }
  void add(const Box& tag) { bands_[band_of(tag)].push_back(tag); }

 private:
  std::size_t band_of(const Box& tag) const { return static_cast<std::size_t>(tag.y0 / band_); }

  float band_;
  std::vector<std::vector<Box>> bands_;
};

// Looks for a free place of width * height around and in a box.
class Search {
 public:
  Search(const Taken& taken, float image_width, float image_height, float width, float height)
      : taken_(taken),
        most_x_(image_width - width),
        most_y_(image_height - height),
        width_(width),
        height_(height) {}

  // `box` is the outer edge of the outline, `line` its width. First the corners, where the eye
  // looks, then along the upper and lower edge, then down the sides and the inside.
  std::optional<Box> find(const Box& box, float line) const {
    const float above = box.y0 - height_ + line;
    const float below = box.y1 - line;
    const float rows[] = {above, box.y0 + line, below, box.y1 - height_ - line};
    for (const float y : rows) {
      for (const float x : {box.x0, box.x1 - width_}) {
        if (const auto tag = at(x, y)) return tag;
      }
    }
    const float step = std::max(1.0f, height_ / 4);
    for (const float y : rows) {
      for (float x = box.x0 - width_; x <= box.x1; x += step) {
        if (const auto tag = at(x, y)) return tag;
      }
    }
    for (float y = box.y0; y + height_ <= box.y1; y += step) {
      for (const float x : {box.x0, box.x1 - width_, box.x1 - line, box.x0 - width_ + line}) {
        if (const auto tag = at(x, y)) return tag;
      }
    }
    return std::nullopt;
  }

 private:
  // The place there, shifted sideways into the picture; nothing where it is taken, or above or
  // below the picture.
  std::optional<Box> at(float x, float y) const {
    y = std::round(y);
    if (y < 0 || y > most_y_) return std::nullopt;
    x = std::clamp(std::round(x), 0.0f, most_x_);
    const Box tag{x, y, x + width_, y + height_};
    return taken_.is_free(tag) ? std::optional(tag) : std::nullopt;
  }

  const Taken& taken_;
  float most_x_;
  float most_y_;
  float width_;
  float height_;
};

// The outer edge of a box's outline, as far as it is in the picture.
Box outer_edge(const Box& box, const DrawStyle& style, float width, float height) {
  const float half = style.line / 2 + margin(style);
  const auto clip = [&](float value, float most) {
    return std::isnan(value) ? 0.0f : std::clamp(value, 0.0f, most);
  };
  const float x0 = clip(std::min(box.x0, box.x1) - half, width);
  const float y0 = clip(std::min(box.y0, box.y1) - half, height);
  return {x0, y0, std::max(x0, clip(std::max(box.x0, box.x1) + half, width)),
          std::max(y0, clip(std::max(box.y0, box.y1) + half, height))};
}

// What is added to a colour's channel for its luminance (sRGB).
double linear(std::uint8_t channel) {
  const double value = channel / 255.0;
  return value <= 0.04045 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
}

void fill_box(const Box& box, Rgb color, Image& image) {
  const int x0 = std::max(0, static_cast<int>(std::lround(box.x0)));
  const int y0 = std::max(0, static_cast<int>(std::lround(box.y0)));
  const int x1 = std::min(image.width - 1, static_cast<int>(std::lround(box.x1)));
  const int y1 = std::min(image.height - 1, static_cast<int>(std::lround(box.y1)));
  for (int y = y0; y <= y1; ++y) {
    std::uint8_t* row = image.pixels.data() +
                        3 * static_cast<std::size_t>(y) * static_cast<std::size_t>(image.width);
    for (int x = x0; x <= x1; ++x) blend_pixel(row + 3 * static_cast<std::size_t>(x), color, 256);
  }
}

// One with round corners, whose middle is filled.
void draw_tag(const Tag& tag, Rgb color, const DrawStyle& style, Image& image) {
  const float corner = kCorner * style.text;
  const float inset = margin(style) + corner;
  const Box inner{tag.box.x0 + inset, tag.box.y0 + inset, tag.box.x1 - 1 - inset,
                  tag.box.y1 - 1 - inset};
  draw_rectangle({inner.x0, inner.y0}, {inner.x1, inner.y1}, line_layers(color, corner, style),
                 image);
  fill_box(inner, color, image);
  const Vec2 origin{tag.box.x0 + frame_width(style) / 2 - 0.5f,
                    tag.box.y0 + margin(style) + (kPaddingY + 1.0f) * style.text +
                        kFontWeight * style.text / 2 - 0.5f};
  draw_segments(text_segments(tag.text, origin, style.text),
                {{text_color(color), kFontWeight * style.text / 2, 1.0f, 1.0f}}, image);
}

}  // namespace

float tag_height(const DrawStyle& style) {
  return std::ceil((1.0f + 2 * kPaddingY + kFontWeight) * style.text) + 2 * margin(style);
}

Rgb text_color(Rgb background) {
  const double luminance =
      0.2126 * linear(background.r) + 0.7152 * linear(background.g) + 0.0722 * linear(background.b);
  // (1 + 0.05) / (luminance + 0.05) against (luminance + 0.05) / (0 + 0.05), WCAG's contrast.
  const bool white = 1.05 * 0.05 > (luminance + 0.05) * (luminance + 0.05);
  return white ? Rgb{255, 255, 255} : Rgb{};
}

std::vector<std::optional<Tag>> place_labels(const std::vector<Label>& labels, int width,
                                             int height, const DrawStyle& style) {
  const auto most_x = static_cast<float>(width);
  const auto most_y = static_cast<float>(height);
  const float frame = frame_width(style);
  Taken taken(height, tag_height(style));
  std::vector<std::optional<Tag>> tags(labels.size());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i].text.empty() || tag_height(style) > most_y) continue;
    const std::string text =
        fitted(drawable(labels[i].text), most_x - std::ceil(frame) - 1, style.text);
    if (text.empty()) continue;
    const float tag_width = std::ceil(text_width(text, style.text) + frame);
    const Search search(taken, most_x, most_y, tag_width, tag_height(style));
    const auto box = search.find(outer_edge(labels[i].box, style, most_x, most_y),
                                 style.line + 2 * margin(style));
    if (!box) continue;
    taken.add(*box);
    tags[i] = Tag{*box, text};
  }
  return tags;
}

void draw_labels(const std::vector<Label>& labels, const DrawStyle& style, Image& image) {
  const std::vector<std::optional<Tag>> tags =
      place_labels(labels, image.width, image.height, style);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (tags[i]) draw_tag(*tags[i], labels[i].color, style, image);
  }
}

}  // namespace lasso
