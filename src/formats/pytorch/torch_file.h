// What torch.save wrote, in either of its formats: a pickle, and where the bytes of tensors lie.
#ifndef LASSO_FORMATS_PYTORCH_TORCH_FILE_H_
#define LASSO_FORMATS_PYTORCH_TORCH_FILE_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "core/file.h"
#include "formats/pytorch/pickle.h"
#include "formats/weights.h"

namespace lasso {

// Where the bytes of a storage lie in the file; `place` stands in error messages.
struct StorageBytes {
  const std::byte* data = nullptr;
  std::size_t bytes = 0;
  std::string place;
};

struct TorchFile {
  std::shared_ptr<const MappedFile> file;
  Pickle pickle;  // of the structure
  // Throws kCorruptFile for a storage that the file does not have.
  std::function<StorageBytes(const PickleStorage&)> find;
};

// A tensor of the pickle, whose element type Lasso reads, as a view of the file; `name` stands in
// error messages. Throws kCorruptFile for a storage of another size than the pickle says.
WeightTensor tensor_of(const TorchFile& torch, const PickleTensor& tensor, const std::string& name);

}  // namespace lasso

#endif  // LASSO_FORMATS_PYTORCH_TORCH_FILE_H_
