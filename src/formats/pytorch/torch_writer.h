// Writing state dictionaries in PyTorch's zip format.
#ifndef LASSO_FORMATS_PYTORCH_TORCH_WRITER_H_
#define LASSO_FORMATS_PYTORCH_TORCH_WRITER_H_

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace lasso {

struct TorchEntry {
  std::string name;
  DType dtype = DType::kF32;
  Dims dims;
};

// What torch.save of an OrderedDict of tensors writes, readable by torch.load. content(i) makes
// entry i's tensor when its turn comes, so that no more than one is in memory. Complete or not at
// all. Throws kInvalidArgument.
void write_pytorch(const std::string& path, const std::vector<TorchEntry>& entries,
                   const std::function<Tensor(std::size_t)>& content);

}  // namespace lasso

#endif  // LASSO_FORMATS_PYTORCH_TORCH_WRITER_H_
