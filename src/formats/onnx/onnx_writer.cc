#include "formats/onnx/onnx_writer.h"

#include <filesystem>
#include <map>
#include <utility>
#include <vector>

#include "core/check.h"
#include "core/file_writer.h"
#include "formats/onnx/wire_writer.h"
#include "formats/text.h"

namespace lasso {

namespace {

namespace fs = std::filesystem;

// Initialisers of fewer bytes stay in the model's file: shapes are inferred from small ones.
constexpr std::uint64_t kLeastExternal = 1024;
// Where weights begin in the other file, so that readers may map them.
constexpr std::uint64_t kAlignment = 4096;

struct External {
  std::string location;
  std::map<const OnnxTensor*, std::uint64_t> offsets;
  std::uint64_t bytes = 0;
};

// Field numbers are onnx.proto's.
class Serializer {
 public:
  Serializer(const OnnxModel& model, const External& external)
      : model_(model), external_(external) {}

  WireMessage run() const {
    WireMessage message;
    message.integer(1, model_.ir_version);
    optional_text(message, 2, model_.producer_name);
    optional_text(message, 3, model_.producer_version);
    optional_text(message, 4, model_.domain);
    if (model_.model_version != 0) message.integer(5, model_.model_version);
    message.message(7, graph(model_.graph));
    for (const OnnxOpset& opset : model_.opset_imports) {
      WireMessage part;
      optional_text(part, 1, opset.domain);
      part.integer(2, opset.version);
      message.message(8, std::move(part));
    }
    for (const auto& [key, value] : model_.metadata_props) message.message(14, entry(key, value));
    return message;
  }

 private:
  static void optional_text(WireMessage& message, std::uint32_t number, const std::string& text) {
    if (!text.empty()) message.text(number, text);
  }
  static WireMessage entry(const std::string& key, const std::string& value) {
    WireMessage message;
    message.text(1, key);
    message.text(2, value);
    return message;
  }

  WireMessage graph(const OnnxGraph& graph) const {
    LASSO_CHECK(graph.sparse_initializers.empty(), ErrorCode::kUnsupported,
                "{}: the sparse initialiser {} can't be written", model_.path,
                printable(graph.sparse_initializers.front()));
    WireMessage message;
    for (const OnnxNode& one : graph.nodes) message.message(1, node(one));
    message.text(2, graph.name);
    for (const OnnxTensor& one : graph.initializers) message.message(5, tensor(one));
    for (const OnnxValueInfo& one : graph.inputs) message.message(11, value_info(one));
    for (const OnnxValueInfo& one : graph.outputs) message.message(12, value_info(one));
    for (const OnnxValueInfo& one : graph.value_infos) {
      if (one.kind == OnnxKind::kTensor) message.message(13, value_info(one));
    }
    return message;
  }

  WireMessage node(const OnnxNode& node) const {
    WireMessage message;
    for (const std::string& name : node.inputs) message.text(1, name);
    for (const std::string& name : node.outputs) message.text(2, name);
    optional_text(message, 3, node.name);
    message.text(4, node.op_type);
    for (const OnnxAttribute& one : node.attributes) message.message(5, attribute(node, one));
    optional_text(message, 7, node.domain);
    optional_text(message, 8, node.overload);
    return message;
  }

  WireMessage attribute(const OnnxNode& node, const OnnxAttribute& attribute) const {
    WireMessage message;
    message.text(1, attribute.name);
    std::visit(
        [&](const auto& value) {
          using T = std::decay_t<decltype(value)>;
          if constexpr (std::is_same_v<T, float>) {
            message.real(2, value);
          } else if constexpr (std::is_same_v<T, std::int64_t>) {
            message.integer(3, value);
          } else if constexpr (std::is_same_v<T, std::string>) {
            message.text(4, value);
          } else if constexpr (std::is_same_v<T, OnnxTensor>) {
            message.message(5, tensor(value));
          } else if constexpr (std::is_same_v<T, std::vector<float>>) {
            message.packed(7, value);
          } else if constexpr (std::is_same_v<T, std::vector<std::int64_t>>) {
            message.packed(8, value);
          } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
            for (const std::string& text : value) message.text(9, text);
          } else if constexpr (std::is_same_v<T, std::vector<OnnxTensor>>) {
            for (const OnnxTensor& one : value) message.message(10, tensor(one));
          } else if constexpr (std::is_same_v<T, std::vector<OnnxGraph>>) {
            const bool list = attribute.type == OnnxAttributeType::kGraphs;
            for (const OnnxGraph& one : value) message.message(list ? 11 : 6, graph(one));
          } else {
            fail(ErrorCode::kUnsupported,
                 "{}: node {} ({}): the attribute {} of type {} can't be written", model_.path,
                 printable(node.name), printable(node.op_type), printable(attribute.name),
                 name_of(attribute.type));
          }
        },
        attribute.value);
    message.integer(20, static_cast<std::int64_t>(attribute.type));
    return message;
  }

  WireMessage value_info(const OnnxValueInfo& info) const {
    LASSO_CHECK(info.kind == OnnxKind::kTensor, ErrorCode::kUnsupported,
                "{}: the value {} of the kind {} can't be written", model_.path,
                printable(info.name), name_of(info.kind));
    WireMessage type;
    type.integer(1, static_cast<std::int64_t>(info.elem_type));
    if (info.shape) {
      WireMessage shape;
      for (const OnnxDim& dim : *info.shape) {
        WireMessage size;
        if (const auto* number = std::get_if<std::int64_t>(&dim)) size.integer(1, *number);
        if (const auto* symbol = std::get_if<std::string>(&dim)) size.text(2, *symbol);
        shape.message(1, std::move(size));
      }
      type.message(2, std::move(shape));
    }
    WireMessage kind;
    kind.message(1, std::move(type));
    WireMessage message;
    message.text(1, info.name);
    message.message(2, std::move(kind));
    return message;
  }

  WireMessage tensor(const OnnxTensor& tensor) const {
    WireMessage message;
    message.packed(1, tensor.dims);
    message.integer(2, static_cast<std::int64_t>(tensor.data_type));
    for (const std::string& text : tensor.strings) message.text(6, text);
    optional_text(message, 8, tensor.name);
    const auto offset = external_.offsets.find(&tensor);
    if (offset != external_.offsets.end()) {
      message.message(13, entry("location", external_.location));
      message.message(13, entry("offset", std::to_string(offset->second)));
      message.message(13, entry("length", std::to_string(tensor.bytes)));
      message.integer(14, 1);
    } else if (tensor.data_type != OnnxDataType::kString) {
      message.blob(9, &tensor, tensor.bytes);
    }
    return message;
  }

  const OnnxModel& model_;
  const External& external_;
};

void append_elements(FileWriter& out, const OnnxTensor& tensor, const OnnxWriteOptions& options) {
  if (tensor.data != nullptr || tensor.bytes == 0) {
    out.append(tensor.data, tensor.bytes);
    if (tensor.file != nullptr) {
      tensor.file->check_size();
      tensor.file->release(tensor.data, tensor.bytes);
    }
    return;
  }
  LASSO_CHECK(options.make, ErrorCode::kInternal, "initialiser {} has no elements", tensor.name);
  const Tensor made = options.make(tensor);
  LASSO_CHECK(made.bytes() == tensor.bytes, ErrorCode::kInternal,
              "initialiser {} has {} bytes, and {} were made", tensor.name, tensor.bytes,
              made.bytes());
  out.append(made.data.get(), made.bytes());
  made.check_file();
}

void write_message(const WireMessage& message, FileSet& files, const std::string& path,
                   const OnnxWriteOptions& options) {
  files.write(path, [&](const std::string& temporary) {
    FileWriter out(temporary, path);
    for (const WireMessage::Piece& piece : message.pieces()) {
      out.append(piece.bytes);
      if (piece.blob == nullptr) continue;
      append_elements(out, *static_cast<const OnnxTensor*>(piece.blob), options);
    }
    out.close();
  });
}

External lay_out(const OnnxModel& model, const std::string& location) {
  External external;
  external.location = location;
  for (const OnnxTensor& tensor : model.graph.initializers) {
    if (tensor.bytes < kLeastExternal || tensor.data_type == OnnxDataType::kString) continue;
    external.bytes = (external.bytes + kAlignment - 1) / kAlignment * kAlignment;
    external.offsets[&tensor] = external.bytes;
    external.bytes += tensor.bytes;
  }
  return external;
}

void write_external(const OnnxModel& model, const External& external, FileSet& files,
                    const std::string& path, const OnnxWriteOptions& options) {
  files.write(path, [&](const std::string& temporary) {
    FileWriter out(temporary, path);
    std::uint64_t position = 0;
    for (const OnnxTensor& tensor : model.graph.initializers) {
      const auto offset = external.offsets.find(&tensor);
      if (offset == external.offsets.end()) continue;
      out.append(std::string(offset->second - position, '\0'));
      append_elements(out, tensor, options);
      position = offset->second + tensor.bytes;
    }
    out.close();
  });
}

}  // namespace

void write_onnx(const OnnxModel& model, FileSet& files, const std::string& path,
                const OnnxWriteOptions& options) {
  LASSO_CHECK(model.functions.empty(), ErrorCode::kUnsupported,
              "{}: the function {} can't be written", model.path,
              printable(model.functions.front().name));
  const WireMessage whole = Serializer(model, {}).run();
  if (whole.size() <= options.most_bytes) return write_message(whole, files, path, options);
  const std::string data = path + ".data";
  const External external = lay_out(model, fs::path(data).filename().string());
  const WireMessage message = Serializer(model, external).run();
  LASSO_CHECK(message.size() <= options.most_bytes, ErrorCode::kUnsupported,
              "{}: {} bytes without the large initialisers, and a file holds {}", path,
              message.size(), options.most_bytes);
  write_external(model, external, files, data, options);
  write_message(message, files, path, options);
}

void write_onnx(const OnnxModel& model, const std::string& path, const OnnxWriteOptions& options) {
  FileSet files;
  write_onnx(model, files, path, options);
  files.commit();
}

}  // namespace lasso
