#include "accuracy_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <utility>

#include "accuracy_clicks.h"
#include "exit_codes.h"
#include "files.h"
#include "model.h"
#include "npy.h"
#include "random.h"
#include "values.h"

namespace lasso::cli {

namespace fs = std::filesystem;

namespace {

constexpr int kPromptsWithoutTruth = 4;

bool is_image_name(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png" ||
         extension == ".ppm" || extension == ".pgm";
}

void check_folder(const std::string& option, const std::string& folder) {
  std::error_code ignored;
  if (fs::is_directory(folder, ignored)) return;
  usage_error("{} {}: {}", option, folder,
              fs::exists(folder, ignored) ? "is not a folder" : "there is no such folder");
}

Json read_json(const std::string& option, const std::string& path) {
  constexpr int kMaxDepth = 16;  // more than the formats have
  const std::string text = read_file(option, path);
  if (is_too_deep(text, kMaxDepth)) {
    usage_error("{} {}: is nested more than {} levels deep", option, path, kMaxDepth);
  }
  try {
    return Json::parse(text);
  } catch (const Json::exception& error) {
    usage_error("{} {}: {}", option, path, error.what());
  }
}

// Names in JSON files stay beneath their folder.
std::string plain_name(const std::string& option, const Json& json, const char* key) {
  auto name = json.at(key).get<std::string>();
  const fs::path path(name);
  const bool climbs = std::find(path.begin(), path.end(), "..") != path.end();
  if (name.empty() || path.is_absolute() || climbs) {
    usage_error("{}: \"{}\": \"{}\" is not a name beneath the folder", option, key, name);
  }
  return name;
}

// A number or a text.
Json id_of(const std::string& option, const Json& json) {
  const Json& id = json.at("id");
  if (!id.is_number() && !id.is_string()) {
    usage_error("{}: \"id\": expected a number or a text, not {}", option, id.dump());
  }
  return id;
}

AccuracyImage annotated_image(const std::string& option, const fs::path& folder, const Json& json) {
  AccuracyImage image;
  image.name = plain_name(option, json, "file");
  image.path = (folder / image.name).string();
  image.width = json.at("width").get<int>();
  image.height = json.at("height").get<int>();
  for (const Json& entry : json.at("objects")) {
    TruthObject object;
    object.id = id_of(option, entry);
    object.rle = entry.at("rle").get<std::string>();
    if (entry.contains("click")) {
      object.click =
          Point{entry.at("click").at(0).get<float>(), entry.at("click").at(1).get<float>()};
    }
    if (entry.contains("core")) object.core = entry.at("core").get<bool>();
    image.objects.push_back(std::move(object));
  }
  return image;
}

AccuracyImage dumped_image(const std::string& option, const fs::path& folder, const Json& json) {
  AccuracyImage image;
  image.name = plain_name(option, json, "image");
  image.width = json.at("width").get<int>();
  image.height = json.at("height").get<int>();
  image.reference_masks = (folder / plain_name(option, json, "masks")).string();
  for (const Json& entry : json.at("prompts")) {
    AccuracyPrompt prompt;
    if (entry.contains("id")) prompt.id = id_of(option, entry);
    const Json& points = entry.at("points");
    for (std::size_t i = 0; i < points.size(); ++i) {
      const int label = entry.contains("labels") ? entry.at("labels").at(i).get<int>() : 1;
      prompt.prompt.points.push_back(
          {points[i].at(0).get<float>(), points[i].at(1).get<float>(),
           label == 0 ? PointLabel::kBackground : PointLabel::kForeground});
    }
    image.prompts.push_back(std::move(prompt));
  }
  return image;
}

[[noreturn]] void image_error(const AccuracyImage& image, const std::string& problem) {
  throw Failure(Exit::kSomeFailed, fmt::format("{}: {}", image.path, problem));
}

Mask truth_mask(const AccuracyImage& image, const TruthObject& object) {
  Mask mask;
  try {
    mask = decode_rle(rle_from_string(object.rle, image.width, image.height));
  } catch (const lasso::Error& error) {
    image_error(image, fmt::format("object {}: {}", object.id.dump(), error.what()));
  }
  if (mask_area(mask) == 0) {
    image_error(image, fmt::format("object {}: its mask is empty", object.id.dump()));
  }
  return mask;
}

AccuracyPrompt object_prompt(const AccuracyImage& image, const TruthObject& object,
                             const DrawOptions& options) {
  // A seed of its own for each object: other objects and options do not change its clicks.
  SplitMix64 random(seed_for(options.seed, image.name + "/" + object.id.dump()));
  const int count = options.min_points + random.below(options.max_points - options.min_points + 1);
  AccuracyPrompt prompt;
  prompt.id = object.id;
  prompt.prompt.points = inner_points(truth_mask(image, object), count, &random);
  if (options.stored_clicks && object.click) prompt.prompt.points.front() = *object.click;
  prompt.truth = object.rle;
  prompt.core = object.core;
  return prompt;
}

}  // namespace

AccuracySet read_image_folder(const std::string& option, const std::string& folder) {
  check_folder(option, folder);
  AccuracySet set;
  set.folder = folder;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    if (!is_image_name(entry->path()) || !entry->is_regular_file(ignored)) continue;
    AccuracyImage image;
    image.name = entry->path().filename().string();
    image.path = entry->path().string();
    set.images.push_back(std::move(image));
  }
  if (error) usage_error("{} {}: {}", option, folder, error.message());
  if (set.images.empty()) usage_error("{} {}: has no JPEG, PNG, PPM or PGM file", option, folder);
  std::sort(set.images.begin(), set.images.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return set;
}

AccuracySet read_evaluation_set(const std::string& folder) {
  check_folder("--evaluation-set", folder);
  const std::string path = (fs::path(folder) / "annotations.json").string();
  const std::string option = "--evaluation-set " + path;
  const Json json = read_json("--evaluation-set", path);
  AccuracySet set;
  set.folder = folder;
  set.has_truth = true;
  try {
    for (const Json& entry : json.at("images")) {
      set.images.push_back(annotated_image(option, folder, entry));
    }
  } catch (const Json::exception& error) {
    usage_error("{}: {}", option, error.what());
  }
  if (set.images.empty()) usage_error("{}: has no images", option);
  return set;
}

std::string default_evaluation_set() {
  std::error_code ignored;
  for (const fs::path& folder : model_folders()) {
    if (fs::is_regular_file(folder / "eval/annotations.json", ignored)) {
      return (folder / "eval").string();
    }
  }
  return "";
}

void use_reference_masks(const std::string& folder, AccuracySet* set) {
  check_folder("--reference-masks", folder);
  const std::string path = (fs::path(folder) / "index.json").string();
  const std::string option = "--reference-masks " + path;
  const Json json = read_json("--reference-masks", path);
  std::vector<AccuracyImage> images;
  try {
    for (const Json& entry : json.at("images")) {
      images.push_back(dumped_image(option, folder, entry));
    }
  } catch (const Json::exception& error) {
    usage_error("{}: {}", option, error.what());
  }
  if (images.empty()) usage_error("{}: has no images", option);
  for (AccuracyImage& image : images) {
    image.path = (fs::path(set->folder) / image.name).string();
    const auto known = std::find_if(set->images.begin(), set->images.end(),
                                    [&](const auto& other) { return other.name == image.name; });
    if (known == set->images.end()) continue;
    for (AccuracyPrompt& prompt : image.prompts) {
      for (const TruthObject& object : known->objects) {
        if (object.id != prompt.id) continue;
        prompt.truth = object.rle;
        prompt.core = object.core;
      }
    }
  }
  set->images = std::move(images);
}

std::vector<AccuracyPrompt> prompts_for(const AccuracyImage& image, int width, int height,
                                        const DrawOptions& options) {
  if (image.width != 0 && (image.width != width || image.height != height)) {
    image_error(image, fmt::format("has {} x {} pixels, but its annotations are for {} x {}", width,
                                   height, image.width, image.height));
  }
  std::vector<AccuracyPrompt> prompts = image.prompts;
  if (prompts.empty() && !image.objects.empty()) {
    for (const TruthObject& object : image.objects) {
      if (options.prompts_per_image > 0 &&
          static_cast<int>(prompts.size()) == options.prompts_per_image) {
        break;
      }
      prompts.push_back(object_prompt(image, object, options));
    }
  } else if (prompts.empty()) {
    SplitMix64 random(seed_for(options.seed, image.name));
    const int wanted =
        options.prompts_per_image > 0 ? options.prompts_per_image : kPromptsWithoutTruth;
    for (int i = 0; i < wanted; ++i) {
      const int count =
          options.min_points + random.below(options.max_points - options.min_points + 1);
      AccuracyPrompt prompt;
      prompt.prompt.points = image_points(width, height, count, &random);
      prompts.push_back(std::move(prompt));
    }
  }
  for (const AccuracyPrompt& prompt : prompts) {
    if (prompt.prompt.points.empty()) image_error(image, "a prompt has no points");
    if (const auto problem = prompt_problem(prompt.prompt, width, height)) {
      image_error(image, *problem);
    }
  }
  return prompts;
}

std::string prompt_lines(const AccuracyImage& image, const std::vector<AccuracyPrompt>& prompts) {
  std::string lines;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    Json line = {{"image", image.path}, {"points", Json::array()}, {"labels", Json::array()}};
    for (const Point& point : prompts[i].prompt.points) {
      line["points"].push_back({point.x, point.y});
      line["labels"].push_back(static_cast<int>(point.label));
    }
    line["id"] = prompts[i].id.is_null() ? Json(i) : prompts[i].id;
    lines += line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  }
  return lines;
}

std::vector<Mask> read_reference_masks(const AccuracyImage& image, int width, int height,
                                       std::size_t prompts) {
  MaskArray array;
  try {
    array = parse_npy_masks("--reference-masks " + image.reference_masks,
                            read_file("--reference-masks", image.reference_masks));
  } catch (const Failure& failure) {
    throw Failure(Exit::kSomeFailed, failure.what());
  }
  const std::vector<std::int64_t> expected = {static_cast<std::int64_t>(prompts), height, width};
  if (array.shape != expected) {
    throw Failure(
        Exit::kSomeFailed,
        fmt::format("{}: has shape {}, expected {} (prompts, height, width)", image.reference_masks,
                    shape_text(array.shape), shape_text(expected)));
  }
  const std::size_t pixels = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  std::vector<Mask> masks;
  for (std::size_t i = 0; i < prompts; ++i) {
    const auto begin = array.values.begin() + static_cast<std::ptrdiff_t>(i * pixels);
    masks.push_back({width, height, {begin, begin + static_cast<std::ptrdiff_t>(pixels)}});
  }
  return masks;
}

}  // namespace lasso::cli
