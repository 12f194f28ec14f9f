// Reading checkpoints of any kind that Lasso knows; a file's kind is told by its content, never by
// its name alone.
#ifndef LASSO_FORMATS_CHECKPOINT_H_
#define LASSO_FORMATS_CHECKPOINT_H_

#include <memory>
#include <string>

#include "core/file.h"
#include "formats/file_kind.h"
#include "formats/pytorch/torch_file.h"
#include "formats/weights.h"

namespace lasso {

// The tensors in a PyTorch checkpoint (.pth, .pt, .bin; the zip format and the one before it), in a
// .safetensors file, or in the files that an index names. Nested dictionaries are flattened:
// {"model": {"a.weight": ...}} gives "model.a.weight"; values that are no tensors are
// Weights::others. Throws kNotFound, kCorruptFile, and kUnsupported for other kinds of files,
// saying what the file is and what to do.
Weights read_checkpoint(const std::string& path);
// The same for a file that is mapped already.
Weights read_checkpoint(const std::shared_ptr<const MappedFile>& file);

// What torch.save wrote, a file of kind kPytorchZip or kPytorchLegacy, before its tensors are
// looked up. Throws what read_checkpoint() throws.
TorchFile open_torch(const std::shared_ptr<const MappedFile>& file);

}  // namespace lasso

#endif  // LASSO_FORMATS_CHECKPOINT_H_
