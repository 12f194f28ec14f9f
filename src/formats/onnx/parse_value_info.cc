#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "formats/onnx/message.h"
#include "formats/onnx/parse.h"

namespace lasso {

namespace {

// TensorShapeProto.Dimension. Exporters write -1, and an empty text, for sizes that they
// do not know.
OnnxDim parse_dim(std::string_view bytes, const Place& place) {
  OnnxDim dim;
  Message message(bytes, place);
  while (message.next()) {
    if (message.number() == 1) {
      const std::int64_t value = message.integer("dim_value");
      place.check(value >= -1, "dim_value: {} is negative", value);
      dim = value == -1 ? OnnxDim() : OnnxDim(value);
    } else if (message.number() == 2) {
      std::string param = message.text("dim_param");
      dim = param.empty() ? OnnxDim() : OnnxDim(std::move(param));
    }
  }
  return dim;
}

std::vector<OnnxDim> parse_shape(std::string_view bytes, const Place& place) {
  std::vector<OnnxDim> shape;
  Message message(bytes, place);
  while (message.next()) {
    if (message.number() != 1) continue;
    place.charge(element_bytes<OnnxDim>());
    shape.push_back(parse_dim(message.bytes("dim"), place.part("dim", {}, shape.size())));
  }
  return shape;
}

void parse_tensor_type(std::string_view bytes, const Place& place, OnnxValueInfo* info) {
  Message message(bytes, place);
  while (message.next()) {
    if (message.number() == 1) {
      const auto number = static_cast<std::uint64_t>(message.integer("elem_type"));
      info->elem_type = parse_data_type(number, place);
    } else if (message.number() == 2) {
      info->shape = parse_shape(message.bytes("shape"), place.part("shape"));
    }
  }
}

// TypeProto. Of types that are not tensors only the kind is read.
void parse_type(std::string_view bytes, const Place& place, OnnxValueInfo* info) {
  struct Kind {
    std::uint32_t field;
    const char* name;
    OnnxKind kind;
  };
  constexpr auto kKinds = std::to_array<Kind>({
      {1, "tensor_type", OnnxKind::kTensor},
      {4, "sequence_type", OnnxKind::kSequence},
      {5, "map_type", OnnxKind::kMap},
      {7, "opaque_type", OnnxKind::kOpaque},
      {8, "sparse_tensor_type", OnnxKind::kSparseTensor},
      {9, "optional_type", OnnxKind::kOptional},
  });
  Message message(bytes, place);
  while (message.next()) {
    const auto* const kind = std::find_if(
        kKinds.begin(), kKinds.end(), [&](const Kind& k) { return k.field == message.number(); });
    if (kind == kKinds.end()) continue;
    const std::string_view type = message.bytes(kind->name);
    place.check(info->kind == OnnxKind::kUnknown, "{}: is a second type", kind->name);
    info->kind = kind->kind;
    if (kind->kind == OnnxKind::kTensor) parse_tensor_type(type, place, info);
  }
}

}  // namespace

OnnxValueInfo parse_value_info(std::string_view bytes, const Place& place) {
  OnnxValueInfo info;
  Message message(bytes, place);
  while (message.next()) {
    if (message.number() == 1) {
      info.name = message.text("name");
    } else if (message.number() == 2) {
      const std::string_view type = message.bytes("type");
      place.check(info.kind == OnnxKind::kUnknown, "type: is given twice");
      parse_type(type, place.part("type"), &info);
    }
  }
  return info;
}

}  // namespace lasso
