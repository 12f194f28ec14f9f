#include "eval/evaluation_set.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <utility>

#include "core/check.h"
#include "core/file.h"

namespace lasso {

namespace fs = std::filesystem;

namespace {

bool is_image_name(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::array kExtensions{".jpg", ".jpeg", ".jpe", ".jfif",
                                   ".png", ".ppm",  ".pgm", ".pnm"};
  return std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end();
}

void check_folder(const std::string& folder) {
  std::error_code ignored;
  LASSO_CHECK(fs::is_directory(folder, ignored), ErrorCode::kNotFound, "{}: {}", folder,
              fs::exists(folder, ignored) ? "is not a folder" : "there is no such folder");
}

[[noreturn]] void refuse(const std::string& path, const std::string& problem) {
  fail(ErrorCode::kCorruptFile, "{}: {}", path, problem);
}

// Names in JSON files stay beneath their folder.
std::string plain_name(const std::string& file, const OrderedJson& json, const char* key) {
  auto name = json.at(key).get<std::string>();
  const fs::path path(name);
  const bool climbs = std::find(path.begin(), path.end(), "..") != path.end();
  if (name.empty() || path.is_absolute() || climbs) {
    refuse(file, fmt::format("\"{}\": \"{}\" is not a name beneath the folder", key, name));
  }
  return name;
}

// A number or a text.
OrderedJson id_of(const std::string& file, const OrderedJson& json) {
  const OrderedJson& id = json.at("id");
  if (!id.is_number() && !id.is_string()) {
    refuse(file, "\"id\": expected a number or a text, not " + id.dump());
  }
  return id;
}

AccuracyImage annotated_image(const std::string& file, const fs::path& folder,
                              const OrderedJson& json) {
  AccuracyImage image;
  image.name = plain_name(file, json, "file");
  image.path = (folder / image.name).string();
  image.width = json.at("width").get<int>();
  image.height = json.at("height").get<int>();
  for (const OrderedJson& entry : json.at("objects")) {
    TruthObject object;
    object.id = id_of(file, entry);
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

AccuracyImage dumped_image(const std::string& file, const fs::path& folder,
                           const OrderedJson& json) {
  AccuracyImage image;
  image.name = plain_name(file, json, "image");
  image.width = json.at("width").get<int>();
  image.height = json.at("height").get<int>();
  image.reference_masks = (folder / plain_name(file, json, "masks")).string();
  for (const OrderedJson& entry : json.at("prompts")) {
    AccuracyPrompt prompt;
    if (entry.contains("id")) prompt.id = id_of(file, entry);
    const OrderedJson& points = entry.at("points");
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

// The images of a file that describes a folder, each made by `read`.
template <typename Read>
std::vector<AccuracyImage> read_images(const fs::path& folder, const char* name, Read&& read) {
  constexpr int kMaxDepth = 16;  // more than the formats have
  check_folder(folder.string());
  const std::string path = (folder / name).string();
  const std::string text = read_file(path);
  if (is_too_deep(text, kMaxDepth)) {
    refuse(path, fmt::format("is nested more than {} levels deep", kMaxDepth));
  }
  std::vector<AccuracyImage> images;
  try {
    const OrderedJson json = OrderedJson::parse(text);
    for (const OrderedJson& entry : json.at("images")) images.push_back(read(path, folder, entry));
  } catch (const OrderedJson::exception& error) {
    refuse(path, error.what());
  }
  if (images.empty()) refuse(path, "has no images");
  return images;
}

}  // namespace

PictureNames find_pictures(const std::string& folder) {
  check_folder(folder);
  PictureNames found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    const bool is_picture = is_image_name(entry->path()) && entry->is_regular_file(ignored);
    (is_picture ? found.pictures : found.skipped).push_back(entry->path().filename().string());
  }
  LASSO_CHECK(!error, ErrorCode::kNotFound, "{}: {}", folder, error.message());
  LASSO_CHECK(!found.pictures.empty(), ErrorCode::kInvalidArgument,
              "{}: has no JPEG, PNG, PPM or PGM file", folder);
  std::sort(found.pictures.begin(), found.pictures.end());
  std::sort(found.skipped.begin(), found.skipped.end());
  return found;
}

AccuracySet read_image_folder(const std::string& folder) {
  PictureNames found = find_pictures(folder);
  AccuracySet set;
  set.folder = folder;
  set.skipped = std::move(found.skipped);
  for (const std::string& name : found.pictures) {
    AccuracyImage image;
    image.name = name;
    image.path = (fs::path(folder) / name).string();
    set.images.push_back(std::move(image));
  }
  return set;
}

AccuracySet read_evaluation_set(const std::string& folder) {
  return {folder, true, read_images(folder, "annotations.json", annotated_image), {}};
}

void use_reference_masks(const std::string& folder, AccuracySet* set) {
  std::vector<AccuracyImage> images = read_images(folder, "index.json", dumped_image);
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

}  // namespace lasso
