// Files beside an ONNX file that hold data of its tensors.
#ifndef LASSO_FORMATS_ONNX_EXTERNAL_FILES_H_
#define LASSO_FORMATS_ONNX_EXTERNAL_FILES_H_

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/file.h"

namespace lasso {

class Place;

class ExternalFiles {
 public:
  explicit ExternalFiles(std::string model_path) : model_path_(std::move(model_path)) {}

  // The file at `location`, as a tensor has it, mapped once however many tensors lie in it. Throws
  // kCorruptFile, with the place, unless it lies beneath the folder of the model's path or of the
  // file that this path resolves to: Hugging Face's caches consist of links from folders of
  // revisions to a folder of files.
  std::shared_ptr<const MappedFile> open(const std::string& location, const Place& place);

  // Throws kCorruptFile if one of the files has become shorter.
  void check_sizes() const;

 private:
  std::filesystem::path find(const std::string& location, const Place& place);

  std::string model_path_;
  std::vector<std::filesystem::path> folders_;  // in which to look; found at the first call
  std::map<std::string, std::shared_ptr<const MappedFile>> by_location_;
  std::map<std::string, std::shared_ptr<const MappedFile>> by_path_;
};

}  // namespace lasso

#endif  // LASSO_FORMATS_ONNX_EXTERNAL_FILES_H_
