#include "formats/pytorch/torch_file.h"

#include "core/check.h"
#include "formats/text.h"

namespace lasso {

WeightTensor tensor_of(const TorchFile& torch, const PickleTensor& view, const std::string& name) {
  const PickleStorage& storage = torch.pickle.storages.at(view.storage);
  const StorageBytes found = torch.find(storage);
  const std::size_t expected =
      static_cast<std::size_t>(storage.elements) * storage.type->item_bytes;
  LASSO_CHECK(found.bytes == expected, ErrorCode::kCorruptFile,
              "{}: tensor {}: {} has {} bytes, and {} elements of {} were expected",
              torch.file->path(), printable(name), found.place, found.bytes, storage.elements,
              printable(storage.type_name));
  const std::size_t offset = static_cast<std::size_t>(view.offset) * size_of(*view.dtype);
  WeightTensor tensor;
  tensor.dtype = *view.dtype;
  tensor.dims = view.dims;
  tensor.strides = view.strides;
  tensor.data = found.data + offset;
  tensor.storage_bytes = found.bytes - offset;
  tensor.owner = torch.file;
  tensor.file = torch.file;
  return tensor;
}

}  // namespace lasso
