#include "formats/pytorch/torch_file.h"

#include "core/check.h"
#include "formats/text.h"

namespace lasso {

WeightTensor tensor_of(const TorchFile& torch, const PickleTensor& tensor,
                       const std::string& name) {
  const PickleStorage& storage = torch.pickle.storages.at(tensor.storage);
  const StorageBytes found = torch.find(storage);
  const std::size_t expected =
      static_cast<std::size_t>(storage.elements) * storage.type->item_bytes;
  LASSO_CHECK(found.bytes == expected, ErrorCode::kCorruptFile,
              "{}: tensor {}: {} has {} bytes, and {} elements of {} were expected",
              torch.file->path(), printable(name), found.place, found.bytes, storage.elements,
              printable(storage.type_name));
  const std::size_t offset = static_cast<std::size_t>(tensor.offset) * size_of(*tensor.dtype);
  WeightTensor view;
  view.dtype = *tensor.dtype;
  view.dims = tensor.dims;
  view.strides = tensor.strides;
  view.data = found.data + offset;
  view.storage_bytes = found.bytes - offset;
  view.owner = torch.file;
  view.file = torch.file;
  return view;
}

}  // namespace lasso
