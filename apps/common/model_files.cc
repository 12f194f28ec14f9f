#include "common/model_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <fstream>

#include "core/check.h"

namespace lasso::app {

namespace fs = std::filesystem;

namespace {

// What comes with Lasso in place of a model that is better and must be fetched.
struct Demo {
  std::vector<std::string> files;  // the first that is there
  std::string kind;
  std::string better;
};

ModelFile find_file(const std::string& name, const Demo& demo) {
  std::string path = name;
  if (path.empty()) {
    const char* variable = std::getenv("LASSO_MODEL");
    if (variable != nullptr) path = variable;
  }
  if (!path.empty()) return {path, ""};
  std::error_code ignored;
  std::string looked;
  for (const fs::path& folder : model_folders()) {
    for (const std::string& file : demo.files) {
      const fs::path candidate = folder / file;
      if (!fs::is_regular_file(candidate, ignored)) continue;
      return {candidate.string(), fmt::format("no model given: using the small demo {} {}, {}",
                                              demo.kind, candidate.string(), demo.better)};
    }
    looked += (looked.empty() ? "" : " and ") + folder.string();
  }
  fail(ErrorCode::kNotFound, "no model given, and there is no demo {} ({}) in {}; {}", demo.kind,
       fmt::join(demo.files, " or "), looked, demo.better);
}

}  // namespace

std::vector<fs::path> model_folders() {
  std::vector<fs::path> folders;
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error) {
    folders.push_back((program.parent_path().parent_path() / "share/lasso/models"));
  }
#ifdef LASSO_SOURCE_MODELS
  folders.emplace_back(LASSO_SOURCE_MODELS);
#endif
  return folders;
}

ModelFile find_model_file(const std::string& name) {
  return find_file(name,
                   {{"lasso-tiny.pth", "lasso-micro.pth"},
                    "checkpoint",
                    "far from the accuracy of Meta's, which are at "
                    "https://github.com/facebookresearch/segment-anything#model-checkpoints"});
}

ModelFile find_detector_file(const std::string& name) {
  return find_file(name, {{"lasso-tiny-detector.pt"},
                          "detector",
                          "which knows eight kinds of rendered objects; YOLOv7's, of COCO's 80 "
                          "classes, are at https://github.com/WongKinYiu/yolov7#performance"});
}

bool begins_like_engine(const std::string& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return false;  // a pipe would wait for a writer
  std::ifstream file(path, std::ios::binary);
  std::string head(5, '\0');
  return file.read(head.data(), static_cast<std::streamsize>(head.size())) && head == "LASSO";
}

std::string engine_device(const std::string& path) {
  constexpr std::streamoff kAt = 24;  // docs/engine-format.md
  constexpr std::size_t kBytes = 16;
  if (!begins_like_engine(path)) return "";
  std::ifstream file(path, std::ios::binary);
  std::string text(kBytes, '\0');
  if (!file.seekg(kAt).read(text.data(), static_cast<std::streamsize>(kBytes))) return "";
  const std::string device = text.substr(0, text.find('\0'));
  return device == "cpu" || device == "cuda" ? device : "";
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

}  // namespace lasso::app
