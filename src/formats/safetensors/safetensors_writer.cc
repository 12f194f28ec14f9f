#include "formats/safetensors/safetensors_writer.h"

#include <algorithm>

#include "core/aligned_buffer.h"
#include "core/check.h"
#include "core/file.h"
#include "core/file_writer.h"
#include "core/json.h"
#include "formats/safetensors/safetensors_types.h"

namespace lasso {

namespace {

std::string_view name_of(DType dtype) {
  const auto* type = std::find_if(kSafetensorsTypes.begin(), kSafetensorsTypes.end(),
                                  [&](const SafetensorsType& t) { return t.dtype == dtype; });
  LASSO_CHECK(type != kSafetensorsTypes.end(), ErrorCode::kInternal,
              "safetensors has no element type {}", to_string(dtype));
  return type->name;
}

}  // namespace

void write_safetensors(const std::string& path, const std::map<std::string, TensorView>& tensors,
                       const Metadata& metadata) {
  Json header = Json::object();
  std::size_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    LASSO_CHECK(name != "__metadata__", ErrorCode::kInvalidArgument,
                "{}: a tensor can't be named __metadata__", path);
    const std::size_t bytes = tensor.bytes();
    header[name] = {{"dtype", name_of(tensor.dtype)},
                    {"shape", tensor.dims},
                    {"data_offsets", {offset, offset + bytes}}};
    offset += bytes;
  }
  if (!metadata.empty()) header["__metadata__"] = metadata;
  // Text that is not UTF-8 is replaced rather than refused: names of files may be anything.
  std::string text = header.dump(-1, ' ', false, Json::error_handler_t::replace);
  constexpr std::size_t kLengthBytes = 8;
  text.resize(align_up(kLengthBytes + text.size()) - kLengthBytes, ' ');
  const std::uint64_t length = text.size();
  write_atomically(path, [&](const std::string& temporary) {
    FileWriter out(temporary, path);
    out.append(&length, sizeof(length));
    out.append(text);
    for (const auto& [name, tensor] : tensors) out.append(tensor.data, tensor.bytes());
    out.close();
  });
}

}  // namespace lasso
