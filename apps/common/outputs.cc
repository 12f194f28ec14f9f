#include "common/outputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <utility>

#include "common/errors.h"
#include "core/file.h"

namespace lasso::app {

namespace {

constexpr std::size_t kMaxLabels = 65535;  // of a label map, which has at most 16 bits
constexpr float kFaintFill = 0.22f;        // of candidates that are not the best

// A colour on its way to another.
Rgb mixed(Rgb color, Rgb other, double part) {
  const auto channel = [&](std::uint8_t from, std::uint8_t to) {
    return static_cast<std::uint8_t>(std::lround(from + part * (to - from)));
  };
  return {channel(color.r, other.r), channel(color.g, other.g), channel(color.b, other.b)};
}

// The masks of one prompt, to be drawn together: the largest first, so that a part lies on its
// whole. The best looks like the only mask of another prompt; larger ones are darker, smaller ones
// lighter.
std::vector<OverlayItem> candidate_items(const Segmentation& answer, Rgb color) {
  std::vector<std::int64_t> areas;
  for (const Mask& mask : answer.masks) areas.push_back(mask_area(mask));
  std::vector<std::size_t> order(areas.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return areas[a] > areas[b]; });
  std::vector<OverlayItem> items;
  bool after_best = false;
  for (const std::size_t k : order) {
    OverlayItem item{&answer.masks[k], nullptr, color};
    if (k == answer.best()) {
      after_best = true;
    } else {
      item.color = after_best ? mixed(color, {255, 255, 255}, 0.55) : mixed(color, {}, 0.45);
      item.fill = kFaintFill;
    }
    items.push_back(item);
  }
  return items;
}

}  // namespace

const std::vector<std::string>& known_formats() {
  static const std::vector<std::string> formats = {"overlay", "mask",    "labelmap",
                                                   "rle",     "polygon", "none"};
  return formats;
}

double shortest(float value) {
  const std::string text = fmt::format("{}", value);
  double result = value;
  std::from_chars(text.data(), text.data() + text.size(), result);
  return result;
}

OrderedJson xyxy(const PixelBox& box) {
  return OrderedJson::array({box.x0, box.y0, box.x1, box.y1});
}

OrderedJson xywh(const PixelBox& box) {
  return OrderedJson::array({box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0});
}

ImageOutputs::ImageOutputs(const Formats& formats, bool rle, std::filesystem::path folder,
                           OutputNames* names, const OutputSubject& subject)
    : formats_(formats),
      rle_(rle || formats.rle),
      folder_(std::move(folder)),
      names_(names),
      subject_(subject) {
  if (subject_.image == nullptr) formats_.overlay = false;
  if (formats_.labelmap) {
    if (subject_.prompts->size() > kMaxLabels) {
      throw OutputError(
          fmt::format("a label map holds {} labels, not {}", kMaxLabels, subject_.prompts->size()));
    }
    labels_.resize(static_cast<std::size_t>(subject_.width) *
                   static_cast<std::size_t>(subject_.height));
  }
}

// Whether some prompts have candidates and others one mask.
bool ImageOutputs::is_mixed() const {
  const std::vector<PromptTask>& prompts = *subject_.prompts;
  return std::any_of(prompts.begin(), prompts.end(), [&](const PromptTask& prompt) {
    return prompt.multimask != prompts.front().multimask;
  });
}

std::vector<ImageOutputs::File> ImageOutputs::wanted_files() const {
  std::size_t masks = 0;
  for (const PromptTask& prompt : *subject_.prompts) {
    masks += prompt.multimask ? subject_.candidates : 1;
  }
  const bool one = subject_.objects != nullptr || is_mixed();
  const std::size_t overlays = one ? 1 : masks / subject_.prompts->size();
  const std::string base = stem(subject_.path);
  std::vector<File> files;
  const auto add = [&](const std::string& kind, std::size_t count, const std::string& extension) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::string number = count > 1 ? fmt::format("_{}", i) : "";
      files.push_back({kind, {fmt::format("{}_{}{}", base, kind, number), extension}, "", false});
    }
  };
  if (formats_.overlay) add("overlay", overlays, ".png");
  if (formats_.mask) add("mask", masks, ".png");
  if (formats_.labelmap) add("labelmap", 1, ".png");
  if (formats_.rle) add("rle", 1, ".json");
  if (formats_.polygon) add("polygon", 1, ".json");
  // Programs that read such files look for the name of the image.
  if (formats_.yolo) files.push_back({"yolo", {base, ".txt"}, "", false});
  return files;
}

void ImageOutputs::check_names() const {
  std::vector<OutputNames::Name> names;
  for (const File& file : wanted_files()) names.push_back(file.name);
  names_->check(folder_, names);
}

// Files that belong to one image share their suffix, so all names are chosen together.
void ImageOutputs::choose_names() {
  named_ = true;
  files_ = wanted_files();
  std::vector<OutputNames::Name> names;
  for (const File& file : files_) names.push_back(file.name);
  const std::vector<std::string> paths = names_->claim(folder_, names);
  for (std::size_t i = 0; i < paths.size(); ++i) files_[i].path = paths[i];
}

void ImageOutputs::write(const std::string& kind, std::size_t index,
                         const std::function<void(const std::string& path)>& write) {
  const auto first = std::find_if(files_.begin(), files_.end(),
                                  [&](const File& file) { return file.kind == kind; });
  File& file = files_.at(static_cast<std::size_t>(first - files_.begin()) + index);
  write_with([&] { write(file.path); });
  file.written = true;
}

OrderedJson ImageOutputs::written() const {
  OrderedJson names = OrderedJson::object();
  for (const File& file : files_) {
    if (file.written) names[file.kind].push_back(json_name(file.path));
  }
  return names;
}

void ImageOutputs::add(std::size_t first, const std::vector<Segmentation>& answers) {
  if (answers.empty()) return;
  if (!named_) choose_names();
  if (formats_.overlay)
    is_mixed() ? add_to_overlay(first, answers) : add_to_overlays(first, answers);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const Segmentation& answer = answers[i];
    for (std::size_t k = 0; k < answer.masks.size(); ++k) {
      const Mask& mask = answer.masks[k];
      MaskSummary summary;
      summary.prompt = first + i;
      summary.candidate = k;
      summary.iou_prediction = answer.iou_predictions[k];
      summary.area = mask_area(mask);
      summary.box = mask_bounding_box(mask);
      if (rle_) summary.rle = rle_to_string(encode_rle(mask));
      if (formats_.mask) {
        write("mask", masks_.size(), [&](const std::string& path) { write_mask_png(path, mask); });
      }
      if (formats_.labelmap && k == answer.best()) add_to_labelmap(first + i, mask, summary.area);
      if (formats_.rle || formats_.polygon) add_annotation(summary, mask);
      masks_.push_back(std::move(summary));
    }
  }
}

Rgb ImageOutputs::color_of(std::size_t prompt) const {
  return subject_.objects == nullptr ? palette_color(prompt) : (*subject_.objects)[prompt].color;
}

// All masks in one picture. Masks are drawn as they come, the prompts' marks at the end, above all
// masks.
void ImageOutputs::add_to_overlay(std::size_t first, const std::vector<Segmentation>& answers) {
  std::vector<OverlayItem> items;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const std::vector<OverlayItem> some = candidate_items(answers[i], color_of(first + i));
    items.insert(items.end(), some.begin(), some.end());
  }
  const bool fresh = overlays_.empty();
  overlays_.resize(1);
  overlays_[0] = draw_overlay(fresh ? subject_.image->view() : overlays_[0].view(), items);
}

// Overlay k shows candidate k of every prompt.
void ImageOutputs::add_to_overlays(std::size_t first, const std::vector<Segmentation>& answers) {
  const std::size_t candidates = answers.front().masks.size();
  const bool fresh = overlays_.empty();
  overlays_.resize(candidates);
  for (std::size_t k = 0; k < candidates; ++k) {
    std::vector<OverlayItem> items;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      items.push_back({&answers[i].masks[k], nullptr, color_of(first + i)});
    }
    overlays_[k] = draw_overlay(fresh ? subject_.image->view() : overlays_[k].view(), items);
  }
}

// Where masks overlap, the smaller one is on top.
void ImageOutputs::add_to_labelmap(std::size_t prompt, const Mask& mask, std::int64_t area) {
  const auto label = static_cast<std::uint16_t>(prompt + 1);
  label_areas_.resize(label, 0);
  label_areas_.back() = area;
  for (std::size_t p = 0; p < mask.data.size(); ++p) {
    if (mask.data[p] == 0) continue;
    const std::uint16_t before = labels_[p];
    if (before == 0 || label_areas_[before - 1U] >= area) labels_[p] = label;
  }
}

void ImageOutputs::add_annotation(const MaskSummary& summary, const Mask& mask) {
  const PixelBox box = summary.box.value_or(PixelBox{});
  OrderedJson annotation;
  annotation["id"] = masks_.size() + 1;
  annotation["image_id"] = 1;
  annotation["category_id"] = 1;
  annotation["segmentation"] = nullptr;
  annotation["area"] = summary.area;
  annotation["bbox"] = xywh(box);
  annotation["bbox_xyxy"] = xyxy(box);
  annotation["bbox_xywh"] = xywh(box);
  annotation["iscrowd"] = 0;
  if (subject_.objects != nullptr) {
    const FoundObject& object = (*subject_.objects)[summary.prompt];
    annotation["category_id"] = object.category;
    annotation["score"] = shortest(object.score);
  }
  annotation["iou_prediction"] = shortest(summary.iou_prediction);
  annotation["prompt"] = summary.prompt;
  const PromptTask& task = (*subject_.prompts)[summary.prompt];
  if (!task.id.is_null()) annotation["prompt_id"] = task.id;
  if (formats_.rle) {
    annotation["segmentation"] = {{"size", {mask.height, mask.width}}, {"counts", summary.rle}};
    rle_annotations_.push_back(annotation);
  }
  if (formats_.polygon && summary.area > 0) {
    annotation["segmentation"] = coco_polygons(mask);
    polygon_annotations_.push_back(std::move(annotation));
  } else if (formats_.polygon) {
    left_out_["polygon"].push_back(masks_.size());
  }
}

OrderedJson ImageOutputs::coco_file(const OrderedJson& annotations) const {
  OrderedJson file;
  file["images"] = OrderedJson::array({{{"id", 1},
                                        {"file_name", json_name(subject_.path)},
                                        {"width", subject_.width},
                                        {"height", subject_.height}}});
  file["categories"] = OrderedJson::array();
  const std::vector<Category> one{{1, "object"}};
  for (const Category& c : subject_.categories == nullptr ? one : *subject_.categories) {
    file["categories"].push_back({{"id", c.id}, {"name", c.name}});
  }
  file["annotations"] = annotations;
  return file;
}

// With all that lies above the masks.
void ImageOutputs::write_overlays() {
  std::vector<OverlayItem> marks;
  for (std::size_t i = 0; i < subject_.prompts->size(); ++i) {
    OverlayItem& mark = marks.emplace_back();
    mark.prompt = &(*subject_.prompts)[i].prompt;
    mark.color = color_of(i);
    if (subject_.objects != nullptr) mark.label = (*subject_.objects)[i].label;
  }
  const auto write_overlay = [&](std::size_t k, const ImageView& masks) {
    const Image picture = draw_overlay(masks, marks);
    write("overlay", k, [&](const std::string& path) { write_png(path, picture.view()); });
  };
  if (overlays_.empty()) write_overlay(0, subject_.image->view());
  for (std::size_t k = 0; k < overlays_.size(); ++k) write_overlay(k, overlays_[k].view());
}

void ImageOutputs::finish() {
  if (!named_) choose_names();
  if (formats_.overlay) write_overlays();
  if (formats_.labelmap) {
    write("labelmap", 0, [&](const std::string& path) {
      write_labelmap_png(path, labels_, subject_.width, subject_.height);
    });
  }
  const auto write_text = [&](const std::string& kind, const std::string& text) {
    write(kind, 0, [&](const std::string& path) { lasso::write_file(path, text); });
  };
  if (formats_.rle) write_text("rle", json_line(coco_file(rle_annotations_)) + "\n");
  if (formats_.polygon) write_text("polygon", json_line(coco_file(polygon_annotations_)) + "\n");
  if (formats_.yolo) write_text("yolo", subject_.yolo);
  for (const File& file : files_) names_->written(file.path);
}

}  // namespace lasso::app
