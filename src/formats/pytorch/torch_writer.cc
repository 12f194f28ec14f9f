#include "formats/pytorch/torch_writer.h"

#include <cstdint>
#include <cstring>

#include "core/check.h"
#include "core/file.h"
#include "formats/weights.h"
#include "formats/zip/zip_writer.h"

namespace lasso {

namespace {

const char* storage_name(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "FloatStorage";
    case DType::kF16:
      return "HalfStorage";
    case DType::kBF16:
      return "BFloat16Storage";
    case DType::kF64:
      return "DoubleStorage";
    case DType::kI8:
      return "CharStorage";
    case DType::kU8:
      return "ByteStorage";
    case DType::kI16:
      return "ShortStorage";
    case DType::kI32:
      return "IntStorage";
    case DType::kI64:
      return "LongStorage";
    case DType::kBool:
      return "BoolStorage";
  }
  return "";
}

// Appends values in pickle's protocol 2.
class PickleText {
 public:
  void raw(const std::string& bytes) { bytes_ += bytes; }
  void string(const std::string& text) {
    bytes_ += 'X';
    number(static_cast<std::uint32_t>(text.size()));
    bytes_ += text;
  }
  void integer(std::int64_t value) {
    bytes_ += "\x8a\x08";  // LONG1 of 8 bytes
    number(value);
  }
  void integers(const Dims& values) {
    bytes_ += '(';
    for (const std::int64_t value : values) integer(value);
    bytes_ += 't';
  }
  const std::string& bytes() const { return bytes_; }

 private:
  template <typename T>
  void number(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  std::string bytes_;
};

std::string state_dict_pickle(const std::vector<TorchEntry>& entries) {
  const std::string empty_dict = "ccollections\nOrderedDict\n)R";
  PickleText pickle;
  pickle.raw("\x80\x02" + empty_dict + "(");
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const TorchEntry& entry = entries[i];
    pickle.string(entry.name);
    pickle.raw("ctorch._utils\n_rebuild_tensor_v2\n((");
    pickle.string("storage");
    pickle.raw(fmt::format("ctorch\n{}\n", storage_name(entry.dtype)));
    pickle.string(std::to_string(i));
    pickle.string("cpu");
    pickle.integer(element_count(entry.dims));
    pickle.raw("tQ");
    pickle.integer(0);  // offset
    pickle.integers(entry.dims);
    pickle.integers(dense_strides(entry.dims));
    pickle.raw("\x89" + empty_dict + "tR");  // requires_grad, hooks
  }
  pickle.raw("u.");
  return pickle.bytes();
}

}  // namespace

void write_pytorch(const std::string& path, const std::vector<TorchEntry>& entries,
                   const std::function<Tensor(std::size_t)>& content) {
  write_atomically(path, [&](const std::string& temporary) {
    ZipWriter zip(temporary, path);
    const std::string pickle = state_dict_pickle(entries);
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
  });
}

}  // namespace lasso
