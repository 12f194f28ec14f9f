// What kind of file something is that may be a model. Its content tells, never its name alone.
#ifndef LASSO_FORMATS_FILE_KIND_H_
#define LASSO_FORMATS_FILE_KIND_H_

#include "core/file.h"

namespace lasso {

enum class FileKind {
  kPytorchZip,  // a zip archive: torch.save's format since PyTorch 1.6, TorchScript, or something
                // else
  kPytorchLegacy,  // torch.save's format before 1.6
  kPytorchTar,     // torch.save's format before 0.1.10
  kPickle,         // a pickle that torch.save did not write
  kSafetensors,
  kOnnx,
  kLassoEngine,
  kTensorRt,
  kNumpy,
  kGitLfsPointer,
  kHtml,
  kShardIndex,  // JSON that names the files of a model
  kJson,
  kCompressed,  // gzip, xz, zstd, bzip2, 7z
  kHdf5,
  kTfLite,
  kGguf,
  kImage,
  kEmpty,
  kUnknown,
};

// What the first bytes say (and, for formats without a mark of their own, the extension).
FileKind file_kind(const MappedFile& file);

// Whether a file of this kind consists of named tensors.
bool is_checkpoint(FileKind kind);

}  // namespace lasso

#endif  // LASSO_FORMATS_FILE_KIND_H_
