// PyTorch's format before zip archives (torch.save of versions before 1.6, and later with
// _use_new_zipfile_serialization=False): five pickles, and the bytes of each storage.
#ifndef LASSO_FORMATS_PYTORCH_TORCH_LEGACY_H_
#define LASSO_FORMATS_PYTORCH_TORCH_LEGACY_H_

#include <memory>
#include <string_view>

#include "core/file.h"
#include "formats/pytorch/torch_file.h"

namespace lasso {

// Whether a file that begins so is one, and not another pickle.
bool begins_like_legacy_pytorch(std::string_view head);

// As open_pytorch. Tensors lie in the map where they are aligned there.
TorchFile open_legacy_pytorch(const std::shared_ptr<const MappedFile>& file);

}  // namespace lasso

#endif  // LASSO_FORMATS_PYTORCH_TORCH_LEGACY_H_
