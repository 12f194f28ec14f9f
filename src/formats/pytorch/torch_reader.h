// PyTorch's zip format: a pickle of the structure, and one stored entry per tensor storage.
#ifndef LASSO_FORMATS_PYTORCH_TORCH_READER_H_
#define LASSO_FORMATS_PYTORCH_TORCH_READER_H_

#include <memory>

#include "core/file.h"
#include "formats/weights.h"

namespace lasso {

// Every tensor in nested dictionaries with string keys, joined by dots: {"model": {"a": t}} gives
// "model.a"; other values become Weights::others. The tensors are views of the map. Throws
// kCorruptFile, kUnsupported.
Weights read_pytorch(const std::shared_ptr<const MappedFile>& file);

}  // namespace lasso

#endif  // LASSO_FORMATS_PYTORCH_TORCH_READER_H_
