#include "eval/coco_truth.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <unordered_map>
#include <utility>

#include "core/check.h"
#include "core/file.h"
#include "core/json.h"

namespace lasso {

namespace {

using Indices = std::unordered_map<std::int64_t, std::size_t>;  // by id

[[noreturn]] void refuse(const std::string& path, const std::string& problem) {
  fail(ErrorCode::kCorruptFile, "{}: {}", path, problem);
}

std::int64_t id_of(const std::string& path, const Json& entry, const char* key) {
  const Json& id = entry.at(key);
  if (!id.is_number_integer()) {
    refuse(path, fmt::format("\"{}\": {}, expected a whole number", key,
                             id.dump(-1, ' ', true, Json::error_handler_t::replace)));
  }
  return id.get<std::int64_t>();
}

// Sorts by id, and numbers the ids.
template <typename T>
Indices by_id(const std::string& path, const char* what, std::vector<T>* list) {
  std::sort(list->begin(), list->end(), [](const T& a, const T& b) { return a.id < b.id; });
  Indices indices;
  for (std::size_t i = 0; i < list->size(); ++i) {
    if (!indices.emplace((*list)[i].id, i).second) {
      refuse(path, fmt::format("\"{}\": the id {} stands twice", what, (*list)[i].id));
    }
  }
  if (list->empty()) refuse(path, fmt::format("\"{}\": has none", what));
  return indices;
}

std::size_t index_of(const std::string& path, const Json& annotation, const char* key,
                     const Indices& indices) {
  const std::int64_t id = id_of(path, annotation, key);
  const auto found = indices.find(id);
  if (found == indices.end()) {
    refuse(path, fmt::format("\"annotations\": nothing has the {} {}", key, id));
  }
  return found->second;
}

CocoBox box_of(const std::string& path, const Json& annotation) {
  const Json& values = annotation.at("bbox");
  CocoBox box;
  if (values.size() == 4) {
    box = {values[0].get<double>(), values[1].get<double>(), values[2].get<double>(),
           values[3].get<double>()};
  }
  const bool is_box = values.size() == 4 && std::isfinite(box.x) && std::isfinite(box.y) &&
                      std::isfinite(box.width) && std::isfinite(box.height) && box.width >= 0 &&
                      box.height >= 0;
  if (!is_box) {
    refuse(path, fmt::format("\"annotations\": \"bbox\": {}, expected x, y and two sides",
                             values.dump(-1, ' ', true, Json::error_handler_t::replace)));
  }
  return box;
}

CocoTruth read(const std::string& path, const Json& json) {
  CocoTruth truth;
  for (const Json& entry : json.at("categories")) {
    truth.categories.push_back({id_of(path, entry, "id"), entry.at("name").get<std::string>()});
  }
  for (const Json& entry : json.at("images")) {
    truth.images.push_back(
        {id_of(path, entry, "id"), entry.at("file_name").get<std::string>(), {}});
    const std::filesystem::path file(truth.images.back().file);
    if (file.empty() || file.is_absolute() ||
        std::find(file.begin(), file.end(), "..") != file.end()) {
      refuse(path,
             fmt::format("\"file_name\": \"{}\" is not a name beneath the folder", file.string()));
    }
  }
  const Indices categories = by_id(path, "categories", &truth.categories);
  const Indices images = by_id(path, "images", &truth.images);
  for (const Json& entry : json.at("annotations")) {
    TruthBox box;
    box.category = index_of(path, entry, "category_id", categories);
    box.box = box_of(path, entry);
    if (entry.contains("iscrowd")) {
      const Json& crowd = entry.at("iscrowd");
      box.crowd = crowd.is_boolean() ? crowd.get<bool>() : id_of(path, entry, "iscrowd") != 0;
    }
    truth.images[index_of(path, entry, "image_id", images)].boxes.push_back(box);
  }
  return truth;
}

}  // namespace

CocoTruth read_coco_truth(const std::string& path) {
  constexpr int kMaxDepth = 16;  // more than the format has
  const std::string text = read_file(path);
  if (is_too_deep(text, kMaxDepth)) {
    refuse(path, fmt::format("is nested more than {} levels deep", kMaxDepth));
  }
  try {
    return read(path, Json::parse(text));
  } catch (const Json::exception& error) {
    refuse(path, fmt::format("is no truth in COCO's format: {}", error.what()));
  }
}

}  // namespace lasso
