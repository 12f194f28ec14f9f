// From a pickle of torch.save to named tensors, wherever their bytes lie.
#ifndef LASSO_FORMATS_PYTORCH_TORCH_TENSORS_H_
#define LASSO_FORMATS_PYTORCH_TORCH_TENSORS_H_

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
using FindStorage = std::function<StorageBytes(const PickleStorage&)>;

// Every tensor in nested dictionaries with string keys, joined by dots: {"model": {"a": t}} gives
// "model.a"; values that are no tensors become Weights::others. Throws kCorruptFile for a storage
// of another size than the pickle says, and kUnsupported where there is no tensor at all, saying
// what there is.
Weights torch_tensors(const Pickle& pickle, const std::shared_ptr<const MappedFile>& file,
                      const FindStorage& find);

}  // namespace lasso

#endif  // LASSO_FORMATS_PYTORCH_TORCH_TENSORS_H_
