// A file or folder that may hold a model: mapped once, and its tensors read once, whoever asks.
#ifndef LASSO_MODELS_SOURCE_H_
#define LASSO_MODELS_SOURCE_H_

#include <memory>
#include <optional>
#include <string>

#include "core/file.h"
#include "formats/checkpoint.h"
#include "formats/pytorch/torch_tensors.h"
#include "formats/sharded.h"
#include "formats/weights.h"

namespace lasso {

class ModelSource {
 public:
  // A file, or a folder in Hugging Face's layout. Throws kNotFound.
  explicit ModelSource(const std::string& path)
      : file_(MappedFile::open(model_file(path))),
        kind_(file_kind(*file_)),
        folder_(file_->path() == path ? "" : path) {}

  const std::string& path() const { return file_->path(); }
  const std::shared_ptr<const MappedFile>& file() const { return file_; }
  FileKind kind() const { return kind_; }
  const std::string& folder() const { return folder_; }  // that was given; empty: a file was

  // Whether the file consists of named tensors.
  bool is_checkpoint() const { return lasso::is_checkpoint(kind_); }
  // What torch.save wrote; null of files of other kinds. Throws what reading it throws.
  const TorchFile* torch() const {
    if (kind_ != FileKind::kPytorchZip && kind_ != FileKind::kPytorchLegacy) return nullptr;
    if (!torch_) {
      torch_ = open_torch(file_);
      file_->check_size();
    }
    return &*torch_;
  }
  // The tensors; throws what read_checkpoint() throws, which says of other files what they are.
  const Weights& weights() const {
    if (!weights_) {
      weights_ = torch() != nullptr ? torch_tensors(*torch()) : read_checkpoint(file_);
      file_->check_size();
    }
    return *weights_;
  }

 private:
  std::shared_ptr<const MappedFile> file_;
  FileKind kind_;
  std::string folder_;
  mutable std::optional<TorchFile> torch_;
  mutable std::optional<Weights> weights_;
};

}  // namespace lasso

#endif  // LASSO_MODELS_SOURCE_H_
