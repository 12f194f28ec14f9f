// Reading checkpoints of any kind that Lasso knows; a file's kind is told by its content, never by
// its name alone.
#ifndef LASSO_FORMATS_CHECKPOINT_H_
#define LASSO_FORMATS_CHECKPOINT_H_

#include <memory>
#include <string>

#include "core/file.h"
#include "formats/weights.h"

namespace lasso {

enum class FileKind {
  kPytorchZip,  // a zip archive: torch.save's format since PyTorch 1.6, TorchScript, or something
                // else
  kPytorchLegacy,  // torch.save's older formats, or a bare pickle
  kSafetensors,
  kOnnx,
  kLassoEngine,
  kTensorRt,
  kNumpy,
  kGitLfsPointer,
  kHtml,
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

// The tensors in a PyTorch checkpoint (.pth, .pt; the zip format) or a .safetensors file. Nested
// dictionaries are flattened: {"model": {"a.weight": ...}} gives "model.a.weight"; values that are
// no tensors are left out. Throws kNotFound, kCorruptFile, and kUnsupported for other kinds of
// files, saying what the file is and what to do.
Weights read_checkpoint(const std::string& path);
// The same for a file that is mapped already.
Weights read_checkpoint(const std::shared_ptr<const MappedFile>& file);

}  // namespace lasso

#endif  // LASSO_FORMATS_CHECKPOINT_H_
