// A file that may hold a model: mapped once, and its tensors read once, whoever asks.
#ifndef LASSO_MODELS_SOURCE_H_
#define LASSO_MODELS_SOURCE_H_

#include <memory>
#include <optional>
#include <string>

#include "core/file.h"
#include "formats/checkpoint.h"
#include "formats/weights.h"

namespace lasso {

class ModelSource {
 public:
  // Throws kNotFound.
  explicit ModelSource(const std::string& path)
      : file_(MappedFile::open(path)), kind_(file_kind(*file_)) {}

  const std::string& path() const { return file_->path(); }
  const std::shared_ptr<const MappedFile>& file() const { return file_; }
  FileKind kind() const { return kind_; }

  // Whether the file consists of named tensors.
  bool is_checkpoint() const {
    return kind_ == FileKind::kPytorchZip || kind_ == FileKind::kSafetensors;
  }
  // The tensors; throws what read_checkpoint() throws, which says of other files what they are.
  const Weights& weights() const {
    if (!weights_) weights_ = read_checkpoint(file_);
    return *weights_;
  }

 private:
  std::shared_ptr<const MappedFile> file_;
  FileKind kind_;
  mutable std::optional<Weights> weights_;
};

}  // namespace lasso

#endif  // LASSO_MODELS_SOURCE_H_
