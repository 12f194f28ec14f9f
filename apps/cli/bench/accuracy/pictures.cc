#include "cli/bench/accuracy/pictures.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <utility>

#include "cli/bench/accuracy/report.h"

namespace lasso::app {

namespace {

Mask from_rle(const std::string& rle, const ImageResult& image) {
  return decode_rle(rle_from_string(rle, image.width, image.height));
}

// What is in `a` and not in `b`.
Mask minus(const Mask& a, const Mask& b) {
  Mask result = a;
  for (std::size_t i = 0; i < a.data.size(); ++i) {
    result.data[i] = static_cast<std::uint8_t>(a.data[i] != 0 && b.data[i] == 0);
  }
  return result;
}

// A line for each IoU, each after a line feed.
std::string iou_lines(const MaskResult& result) {
  std::string text;
  if (result.with_reference) {
    text += fmt::format("\nIoU {} with the reference", agreement_text(*result.with_reference));
  }
  if (result.both_empty) text += "\nempty, as the reference's: no IoU";
  if (result.with_truth) text += fmt::format("\nIoU {:.4f} with the truth", *result.with_truth);
  return text;
}

// Nearer to white, so that colours on it stand out.
Image faded(const Image& image) {
  Image result = image;
  for (std::uint8_t& value : result.pixels) {
    value = static_cast<std::uint8_t>(std::lround(value + kFading * (255 - value)));
  }
  return result;
}

// Sizes and places of the rectangles that become one pixel each.
struct Shrinking {
  int width;
  int height;
  int from_width;
  int from_height;

  Shrinking(int w, int h, int side) : width(w), height(h), from_width(w), from_height(h) {
    const int longest = std::max(w, h);
    if (longest <= side) return;
    const auto scaled = [&](int size) {
      return std::max(1, static_cast<int>((std::int64_t{size} * side + longest / 2) / longest));
    };
    width = scaled(w);
    height = scaled(h);
  }
  int begin_x(int x) const { return static_cast<int>(std::int64_t{x} * from_width / width); }
  int begin_y(int y) const { return static_cast<int>(std::int64_t{y} * from_height / height); }
};

}  // namespace

void WorstCases::add(AccuracyCase one) {
  if (limit_ == 0) return;
  const auto after = std::upper_bound(
      cases_.begin(), cases_.end(), one,
      [](const AccuracyCase& a, const AccuracyCase& b) { return is_worse(a.shown(), b.shown()); });
  cases_.insert(after, std::move(one));
  if (cases_.size() > limit_) cases_.pop_back();
}

std::vector<Panel> make_panels(const AccuracyCase& one, const std::vector<SideInfo>& sides) {
  const PromptResult& prompt = one.image.prompts[one.prompt];
  std::vector<Panel> panels;
  Panel original{"original", "", {}, true};
  original.text = fmt::format("{} point{}", prompt.prompt.points.size(),
                              prompt.prompt.points.size() == 1 ? "" : "s");
  panels.push_back(std::move(original));
  Mask compared;  // what the candidates should have found
  if (!one.truth.empty()) {
    compared = from_rle(one.truth, one.image);
    panels.push_back({"truth", "", {{compared, kTruthColor}}});
  }
  std::size_t candidates = 0;
  Mask last;
  for (std::size_t i = 0; i < sides.size(); ++i) {
    last = from_rle(one.masks[i], one.image);
    const MaskResult& result = prompt.sides[i];
    const std::string text = sides[i].label + iou_lines(result);
    if (sides[i].is_reference) {
      compared = last;
      panels.push_back({"reference", text, {{last, kReferenceColor}}});
    } else {
      panels.push_back({"candidate", text, {{last, kCandidateColor}}});
      ++candidates;
    }
  }
  if (candidates == 1) {
    Panel difference{"difference",
                     last.data == compared.data   ? "none"
                     : sides.front().is_reference ? "from the reference"
                                                  : "from the truth",
                     {{minus(compared, last), kMissingColor, true},
                      {minus(last, compared), kSurplusColor, true}}};
    difference.faded = true;
    panels.push_back(std::move(difference));
  }
  return panels;
}

void save_panels(const Image& image, const AccuracyCase& one, const std::vector<SideInfo>& sides,
                 const std::string& folder, OutputNames* names) {
  const std::vector<Panel> panels = make_panels(one, sides);
  std::vector<OutputNames::Name> wanted;
  std::size_t candidate = 0;
  for (const Panel& panel : panels) {
    std::string title = panel.title;
    if (title == "candidate" && ++candidate > 1) title += fmt::format("{}", candidate);
    wanted.push_back({fmt::format("{}_prompt{}_{}", stem(one.path), one.prompt, title), ".png"});
  }
  const std::vector<std::string> paths = names->claim(folder, wanted);
  for (std::size_t i = 0; i < panels.size(); ++i) {
    std::vector<OverlayItem> items;
    for (const PanelLayer& layer : panels[i].layers) {
      items.push_back({&layer.mask, nullptr, layer.color});
    }
    const lasso::Prompt& prompt = one.image.prompts[one.prompt].prompt;
    if (panels[i].points) items.push_back({nullptr, &prompt, kCandidateColor});
    const Image ground = panels[i].faded ? faded(image) : image;
    const Image picture = draw_overlay(ground.view(), items);
    write_with([&] { write_png(paths[i], picture.view()); });
  }
}

Image shrink(const Image& image, int side) {
  const Shrinking sizes(image.width, image.height, side);
  Image result;
  result.width = sizes.width;
  result.height = sizes.height;
  result.pixels.reserve(static_cast<std::size_t>(sizes.width) *
                        static_cast<std::size_t>(sizes.height) * 3);
  for (int y = 0; y < sizes.height; ++y) {
    for (int x = 0; x < sizes.width; ++x) {
      std::array<std::int64_t, 3> sum{};
      std::int64_t count = 0;
      for (std::int64_t v = sizes.begin_y(y); v < sizes.begin_y(y + 1); ++v) {
        for (std::int64_t u = sizes.begin_x(x); u < sizes.begin_x(x + 1); ++u, ++count) {
          const auto at = static_cast<std::size_t>((v * image.width + u) * 3);
          for (std::size_t c = 0; c < 3; ++c) sum[c] += image.pixels[at + c];
        }
      }
      for (const std::int64_t total : sum) {
        result.pixels.push_back(static_cast<std::uint8_t>((total + count / 2) / count));
      }
    }
  }
  return result;
}

Mask shrink(const PanelLayer& layer, int side) {
  const Mask& mask = layer.mask;
  const Shrinking sizes(mask.width, mask.height, side);
  Mask result{sizes.width, sizes.height, {}};
  for (int y = 0; y < sizes.height; ++y) {
    for (int x = 0; x < sizes.width; ++x) {
      std::int64_t inside = 0;
      std::int64_t count = 0;
      for (std::int64_t v = sizes.begin_y(y); v < sizes.begin_y(y + 1); ++v) {
        for (std::int64_t u = sizes.begin_x(x); u < sizes.begin_x(x + 1); ++u, ++count) {
          inside += mask.data[static_cast<std::size_t>(v * mask.width + u)];
        }
      }
      const bool hit = layer.thin ? inside > 0 : 2 * inside >= count;
      result.data.push_back(hit ? 1 : 0);
    }
  }
  return result;
}

}  // namespace lasso::app
