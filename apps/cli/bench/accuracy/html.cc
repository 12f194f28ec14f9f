#include "cli/bench/accuracy/html.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <optional>

#include "cli/bench/report/markup.h"
#include "common/files.h"
#include "core/file.h"
#include "lasso/version.h"

namespace lasso::app {

namespace {

// Longest side of the pictures: with 100 of photographs a report has about 30 MB.
constexpr int kSide = 384;

constexpr const char* kStyle = R"(
article { margin: 0 0 16px; padding: 14px 16px 16px; background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; }
article h3 { display: flex; flex-wrap: wrap; gap: 2px 14px; align-items: baseline; margin: 0 0 10px; font-size: 1rem; }
article h3 .name { overflow-wrap: anywhere; }
article h3 .dim { font-weight: 400; font-size: 0.9rem; }
article h3 .iou { margin-left: auto; font-variant-numeric: tabular-nums; }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 200px), 1fr)); gap: 12px; }
figure { margin: 0; max-width: 480px; }
figure svg { display: block; width: 100%; height: auto; max-height: 420px; border-radius: 6px; background: #0003; }
figcaption { margin-top: 5px; font-size: 0.85rem; line-height: 1.4; white-space: pre-line; overflow-wrap: anywhere; }
figcaption b { display: block; }
.missing { background: #0001; padding: 24px; }
.key { display: inline-block; margin-right: 1em; white-space: nowrap; }
.key::before { content: ""; display: inline-block; width: 0.8em; height: 0.8em; margin-right: 0.4em;
  border-radius: 2px; background: var(--color); }
)";

std::string color_text(const Rgb& color) {
  return fmt::format("#{:02x}{:02x}{:02x}", color.r, color.g, color.b);
}

// A mask's outlines as the data of an SVG path. All edges are horizontal or vertical.
std::string path_data(const Mask& mask) {
  std::string data;
  for (const std::vector<float>& polygon : mask_polygons(mask)) {
    for (std::size_t i = 0; i + 1 < polygon.size(); i += 2) {
      if (i == 0) {
        data += fmt::format("M{} {}", polygon[0], polygon[1]);
      } else if (polygon[i + 1] == polygon[i - 1]) {
        data += fmt::format("H{}", polygon[i]);
      } else if (polygon[i] == polygon[i - 2]) {
        data += fmt::format("V{}", polygon[i + 1]);
      } else {
        data += fmt::format("L{} {}", polygon[i], polygon[i + 1]);
      }
    }
    data += "Z";
  }
  return data;
}

// A mask in a picture, with lines in units of `size`.
std::string layer_svg(const PanelLayer& layer, double size) {
  // Fewer pixels than this would not be seen; they are drawn larger than they are.
  constexpr std::int64_t kFewPixels = 200;
  const Mask mask = shrink(layer, kSide);
  const std::string data = path_data(mask);
  if (data.empty()) return "";
  const auto path = [&](const char* fill, double opacity, const std::string& stroke, double width) {
    return fmt::format(
        "<path fill-rule=\"evenodd\" fill=\"{}\" fill-opacity=\"{}\" stroke=\"{}\" "
        "stroke-width=\"{}\" stroke-linejoin=\"round\" d=\"{}\"/>",
        fill, opacity, stroke, width * size, data);
  };
  const std::string color = color_text(layer.color);
  if (layer.thin) {
    return path(color.c_str(), 0.9, color, mask_area(mask) < kFewPixels ? 4 : 0);
  }
  // The white line keeps the outline visible on an object of its colour.
  return path("none", 1, "#fff", 3) + path(color.c_str(), 0.45, color, 1.5);
}

// A point as a disc with a plus (this object) or a minus (not this), drawn in units of `size`.
std::string point_svg(const Point& point, double scale, double size) {
  const char* sign = point.label == PointLabel::kForeground ? "M-3.5 0h7M0 -3.5v7" : "M-3.5 0h7";
  const char* color = point.label == PointLabel::kForeground ? "#1a9641" : "#d7263d";
  return fmt::format(
      "<g transform=\"translate({:.1f} {:.1f}) scale({:.3f})\" stroke=\"#fff\" "
      "stroke-width=\"1.7\">"
      "<circle r=\"7\" fill=\"{}\"/><path d=\"{}\"/></g>",
      (static_cast<double>(point.x) + 0.5) * scale, (static_cast<double>(point.y) + 0.5) * scale,
      size, color, sign);
}

std::string png_base64(const Image& image, const std::string& scratch) {
  write_with([&] { write_png(scratch, image.view()); });
  std::string text = base64(read_file(scratch));
  std::remove(scratch.c_str());
  return text;
}

std::string panel_html(const Panel& panel, const AccuracyCase& one, const Image& picture,
                       const std::string& image_svg) {
  std::string html =
      fmt::format("<figure><svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">{}",
                  picture.width, picture.height, escape_html(panel.title), image_svg);
  // Marks and lines are as large in every report, whatever the picture's size.
  const double size = std::max(picture.width, picture.height) / static_cast<double>(kSide);
  if (panel.faded) {
    html += fmt::format("<rect width=\"{}\" height=\"{}\" fill=\"#fff\" fill-opacity=\"{}\"/>",
                        picture.width, picture.height, kFading);
  }
  for (const PanelLayer& layer : panel.layers) html += layer_svg(layer, size);
  if (panel.points) {
    const double scale = static_cast<double>(picture.width) / one.image.width;
    for (const Point& point : one.image.prompts[one.prompt].prompt.points) {
      html += point_svg(point, scale, size);
    }
  }
  return html + fmt::format("</svg><figcaption><b>{}</b>{}</figcaption></figure>\n",
                            escape_html(panel.title), escape_html(panel.text));
}

std::string case_html(const AccuracyCase& one, std::size_t number,
                      const std::vector<SideInfo>& sides, const std::string& scratch) {
  const PromptResult& prompt = one.shown();
  const std::optional<double> iou = lowest_iou(prompt);
  std::string html = fmt::format(
      "<article>\n<h3><span class=\"name\">{}</span><span class=\"dim\">prompt {}, one of {}{}; {} "
      "x {} "
      "pixels</span><span class=\"iou\">{}</span></h3>\n",
      escape_html(one.image.name), one.prompt, one.image.prompts.size(),
      prompt.id.is_null() ? "" : ", id " + escape_html(prompt.id.dump()), one.image.width,
      one.image.height, iou ? "lowest IoU " + agreement_text(*iou) : "all masks empty");
  try {
    ReadImageOptions options;
    options.range = one.range;
    options.warnings = false;  // they were said when the image was measured
    const Image picture = shrink(read_image(one.path, options), kSide);
    const std::string define = fmt::format(
        "<image id=\"i{}\" width=\"{}\" height=\"{}\" href=\"data:image/png;base64,{}\"/>", number,
        picture.width, picture.height, png_base64(picture, scratch));
    const std::string use = fmt::format("<use href=\"#i{}\"/>", number);
    html += "<div class=\"panels\">\n";
    bool first = true;
    for (const Panel& panel : make_panels(one, sides)) {
      html += panel_html(panel, one, picture, first ? define : use);
      first = false;
    }
    html += "</div>\n";
  } catch (const lasso::Error& error) {
    html += "<p class=\"missing\">" + escape_html(error.what()) + "</p>\n";
  }
  return html + "</article>\n";
}

std::string legend_html(const AccuracyResults& results) {
  const auto entry = [](const Rgb& color, const char* text) {
    return fmt::format("<span class=\"key\" style=\"--color:{}\">{}</span> ", color_text(color),
                       text);
  };
  std::string html = "<p class=\"dim\">Of each image the prompt with the lowest IoU. ";
  if (results.set.has_truth) html += entry(kTruthColor, "truth");
  if (results.has_reference()) html += entry(kReferenceColor, "reference");
  html += entry(kCandidateColor, "candidate");
  if (results.candidate_count() == 1) {
    html += entry(kMissingColor, "missing") + entry(kSurplusColor, "too much");
  }
  return html + "</p>\n";
}

}  // namespace

HtmlHead judge(const AccuracyResults& results, const IouLimits& limits) {
  HtmlHead head;
  if (!limits.any()) return head;
  std::vector<std::string> below;
  for (std::size_t i = 1; i < results.sides.size(); ++i) {
    const IouStatistics iou = results.summarize(i).reference;
    const std::string& label = results.sides[i].label;
    if (iou.count == 0) {
      below.push_back(
          fmt::format("{} has no IoU: all masks are empty, and so are the reference's", label));
      continue;
    }
    if (iou.mean < limits.mean) {
      below.push_back(fmt::format("{} has a mean IoU of {}, below --min-iou {}", label,
                                  agreement_text(iou.mean), limits.mean));
    }
    if (iou.minimum < limits.lowest) {
      below.push_back(fmt::format("{} has a lowest IoU of {}, below --min-lowest-iou {}", label,
                                  agreement_text(iou.minimum), limits.lowest));
    }
  }
  head.missed = !below.empty();
  head.passed = head.missed
                    ? fmt::format("{}", fmt::join(below, "; "))
                    : "Every candidate reaches the IoU with the reference that is asked for.";
  return head;
}

std::string to_html(const AccuracyResults& results, const std::vector<ReportTable>& tables,
                    const std::vector<AccuracyCase>& cases, const HtmlHead& head,
                    const std::string& scratch) {
  std::string html =
      fmt::format("<p class=\"dim\">{}</p>\n<p class=\"dim\">Lasso {}, {}</p>\n",
                  escape_html(describe_set(results)), LASSO_VERSION, escape_html(head.made));
  if (!head.passed.empty()) {
    html += fmt::format("<p class=\"verdict{}\">{}</p>\n", head.missed ? " missed" : "",
                        escape_html(head.passed));
  }
  for (const std::string& failure : results.failures) {
    html += "<p class=\"verdict missed\">not measured: " + escape_html(failure) + "</p>\n";
  }
  for (const ReportTable& table : tables) html += table_html(table);
  html += table_html(models_table(results));
  if (!cases.empty()) {
    html += fmt::format("<h2>{} of {} image{}, worst first</h2>\n", cases.size(),
                        results.images.size(), results.images.size() == 1 ? "" : "s");
    html += legend_html(results);
  }
  for (std::size_t i = 0; i < cases.size(); ++i) {
    html += case_html(cases[i], i, results.sides, scratch);
  }
  return html_page("Accuracy of " + head.model, kStyle, html);
}

}  // namespace lasso::app
