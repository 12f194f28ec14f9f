// PyTorch's zip format: a pickle of the structure, and one stored entry per tensor storage.
#ifndef LASSO_FORMATS_PYTORCH_TORCH_READER_H_
#define LASSO_FORMATS_PYTORCH_TORCH_READER_H_

#include <memory>

#include "core/file.h"
#include "formats/pytorch/torch_file.h"

namespace lasso {

// Throws kCorruptFile, and kUnsupported for other archives. What reads the tensors gives back the
// pages that are in memory for it.
TorchFile open_pytorch(const std::shared_ptr<const MappedFile>& file);

}  // namespace lasso

#endif  // LASSO_FORMATS_PYTORCH_TORCH_READER_H_
