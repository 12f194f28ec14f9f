// From a pickle of torch.save to named tensors, wherever their bytes lie.
#ifndef LASSO_FORMATS_PYTORCH_TORCH_TENSORS_H_
#define LASSO_FORMATS_PYTORCH_TORCH_TENSORS_H_

#include "formats/pytorch/torch_file.h"
#include "formats/weights.h"

namespace lasso {

// Every tensor in nested dictionaries with string keys, joined by dots: {"model": {"a": t}} gives
// "model.a"; values that are no tensors become Weights::others. Throws kCorruptFile for a storage
// of another size than the pickle says, and kUnsupported where there is no tensor at all, saying
// what there is.
Weights torch_tensors(const TorchFile& torch);

}  // namespace lasso

#endif  // LASSO_FORMATS_PYTORCH_TORCH_TENSORS_H_
