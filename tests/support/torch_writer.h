// Writes state dictionaries in PyTorch's zip format.
#ifndef LASSO_TESTS_SUPPORT_TORCH_WRITER_H_
#define LASSO_TESTS_SUPPORT_TORCH_WRITER_H_

#include <cstddef>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/check.h"
#include "core/tensor.h"
#include "formats/weights.h"
#include "formats/zip/zip_writer.h"
#include "support/pickles.h"

namespace lasso::test {

struct TorchEntry {
  std::string name;
  DType dtype = DType::kF32;
  Dims dims;
};

inline std::string storage_type(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "FloatStorage";
    case DType::kI32:
      return "IntStorage";
    default:
      fail(ErrorCode::kInvalidArgument, "no test writes tensors of {}", to_string(dtype));
  }
}

// Writes what torch.save of an OrderedDict of tensors does; torch.load reads it. content(i) makes
// entry i's tensor when its turn comes, so that no more than one is in memory.
inline void write_pytorch(const std::string& path, const std::vector<TorchEntry>& entries,
                          const std::function<Tensor(std::size_t)>& content) {
  std::vector<std::pair<std::string, std::string>> items;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const TorchEntry& entry = entries[i];
    const std::string data =
        storage(std::to_string(i), element_count(entry.dims), storage_type(entry.dtype));
    items.emplace_back(entry.name, tensor(data, 0, entry.dims, dense_strides(entry.dims)));
  }
  const std::string pickle = program(ordered_dict(items));
  ZipWriter zip(path, path);
  zip.add("archive/data.pkl", pickle.data(), pickle.size());
  zip.add("archive/byteorder", "little", std::strlen("little"));
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const Tensor tensor = content(i);
    LASSO_CHECK(tensor.dtype == entries[i].dtype && tensor.dims == entries[i].dims,
                ErrorCode::kInvalidArgument, "{}: tensor {} has shape {}, and {} was announced",
                path, entries[i].name, to_string(tensor.dims), to_string(entries[i].dims));
    zip.add("archive/data/" + std::to_string(i), tensor.data.get(), tensor.bytes());
  }
  zip.add("archive/version", "3\n", 2);
  zip.finish();
}

}  // namespace lasso::test

#endif  // LASSO_TESTS_SUPPORT_TORCH_WRITER_H_
