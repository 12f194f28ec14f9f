#include "formats/onnx/onnx_reader.h"

#include <string_view>
#include <utility>

#include "core/memory.h"
#include "formats/onnx/parse.h"
#include "formats/onnx/place.h"
#include "formats/onnx/wire.h"

namespace lasso {

namespace {

OnnxSource make_source(const std::string& name, std::string_view bytes,
                       const std::shared_ptr<const void>& owner,
                       const std::shared_ptr<const MappedFile>& file) {
  constexpr std::uint64_t kMemoryAnyway = 64 * kMiB;
  constexpr std::uint64_t kMemoryPerByte = 16;
  return {
      name, bytes, owner, file, ExternalFiles(name), kMemoryAnyway + kMemoryPerByte * bytes.size()};
}

std::string_view text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.data()), file.size()};
}

OnnxModel parse(OnnxSource* source) {
  OnnxModel model = parse_model(source->bytes, Place(source));
  model.path = source->path;
  model.file = source->file;
  source->external_files.check_sizes();
  if (source->file != nullptr) source->file->check_size();
  return model;
}

}  // namespace

OnnxModel read_onnx(const std::string& path) { return read_onnx(MappedFile::open(path)); }

OnnxModel read_onnx(const std::shared_ptr<const MappedFile>& file) {
  OnnxSource source = make_source(file->path(), text_of(*file), file, file);
  return parse(&source);
}

OnnxModel parse_onnx(const std::byte* data, std::size_t size, const std::string& name,
                     const std::shared_ptr<const void>& owner) {
  OnnxSource source =
      make_source(name, {reinterpret_cast<const char*>(data), size}, owner, nullptr);
  return parse(&source);
}

OnnxTensor read_onnx_tensor(const std::string& path) {
  const auto file = MappedFile::open(path);
  OnnxSource source = make_source(path, text_of(*file), file, file);
  OnnxTensor tensor = parse_tensor(source.bytes, Place(&source));
  source.external_files.check_sizes();
  file->check_size();
  return tensor;
}

bool begins_like_onnx(const MappedFile& file) {
  constexpr int kMostFields = 1000;
  constexpr std::uint64_t kMostIrVersion = 1000;
  bool has_ir_version = false;
  bool has_graph = false;
  WireWalker walker(text_of(file));
  for (int fields = 0; fields < kMostFields; ++fields) {
    const bool whole = walker.next();
    if (!whole && (walker.error() == nullptr || !has_ir_version)) return false;
    const WireField& field = walker.field();
    switch (field.number) {
      case 1:  // ir_version
        if (field.type != WireType::kVarint || field.value == 0 || field.value > kMostIrVersion) {
          return false;
        }
        has_ir_version = true;
        break;
      case 5:  // model_version
        if (field.type != WireType::kVarint) return false;
        break;
      case 7:  // graph
        if (field.type != WireType::kBytes) return false;
        has_graph = true;
        break;
      case 2:   // producer_name
      case 3:   // producer_version
      case 4:   // domain
      case 6:   // doc_string
      case 8:   // opset_import
      case 14:  // metadata_props
      case 20:  // training_info
      case 25:  // functions
      case 26:  // configuration
        if (field.type != WireType::kBytes) return false;
        break;
      default:
        return false;
    }
    if (has_ir_version && (has_graph || !whole)) return true;
  }
  return false;
}

}  // namespace lasso
