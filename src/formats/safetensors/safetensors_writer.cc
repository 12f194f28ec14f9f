#include "formats/safetensors/safetensors_writer.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/aligned_buffer.h"
#include "core/check.h"
#include "formats/text.h"

namespace lasso {

namespace {

const char* dtype_name(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "F32";
    case DType::kF16:
      return "F16";
    case DType::kBF16:
      return "BF16";
    case DType::kF64:
      return "F64";
    case DType::kI8:
      return "I8";
    case DType::kU8:
      return "U8";
    case DType::kI16:
      return "I16";
    case DType::kI32:
      return "I32";
    case DType::kI64:
      return "I64";
    case DType::kBool:
      return "BOOL";
  }
  return "";
}

std::size_t bytes_of(const TensorView& tensor) {
  return static_cast<std::size_t>(element_count(tensor.dims)) * size_of(tensor.dtype);
}

}  // namespace

void write_safetensors(const std::string& path, const std::map<std::string, TensorView>& tensors,
                       const Metadata& metadata) {
  nlohmann::json header = nlohmann::json::object();
  std::size_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    LASSO_CHECK(name != "__metadata__", ErrorCode::kInvalidArgument,
                "{}: a tensor can't be named __metadata__", path);
    const std::size_t bytes = bytes_of(tensor);
    header[name] = {{"dtype", dtype_name(tensor.dtype)},
                    {"shape", tensor.dims},
                    {"data_offsets", {offset, offset + bytes}}};
    offset += bytes;
  }
  if (!metadata.empty()) header["__metadata__"] = metadata;
  // Text that is not UTF-8 is replaced rather than refused: names of files may be anything.
  std::string text = header.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  constexpr std::size_t kLengthBytes = 8;
  text.resize(align_up(kLengthBytes + text.size()) - kLengthBytes, ' ');
  const std::uint64_t length = text.size();
  write_atomically(path, [&](const std::string& temporary) {
    std::ofstream out(temporary, std::ios::binary);
    out.write(reinterpret_cast<const char*>(&length), sizeof(length));
    out.write(text.data(), static_cast<std::streamsize>(text.size()));
    for (const auto& [name, tensor] : tensors) {
      out.write(static_cast<const char*>(tensor.data),
                static_cast<std::streamsize>(bytes_of(tensor)));
    }
    out.close();
    LASSO_CHECK(out.good(), ErrorCode::kInvalidArgument, "{}: can't be written", path);
  });
}

}  // namespace lasso
