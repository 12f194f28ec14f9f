#include "formats/onnx/onnx_model.h"

#include <algorithm>
#include <utility>

#include "core/aligned_buffer.h"
#include "core/bytes.h"
#include "core/check.h"
#include "core/convert.h"
#include "formats/text.h"

namespace lasso {

std::int64_t element_count(const OnnxTensor& tensor) { return element_count(tensor.dims); }

Tensor to_tensor(const OnnxTensor& tensor) {
  const std::string where = (tensor.file == nullptr ? "" : tensor.file->path() + ": ") + "tensor " +
                            printable(tensor.name);
  const std::optional<DType> dtype = dtype_of(tensor.data_type);
  LASSO_CHECK(dtype, ErrorCode::kUnsupported, "{}: elements of type {} are not supported", where,
              to_string(tensor.data_type));
  if (dtype == DType::kBool) {
    LASSO_CHECK(std::all_of(tensor.data, tensor.data + tensor.bytes,
                            [](std::byte b) { return b <= std::byte{1}; }),
                ErrorCode::kCorruptFile, "{}: holds a bool that is neither 0 nor 1", where);
  }
  // Large ones stay where they lie.
  constexpr std::size_t kLarge = std::size_t{64} << 10;
  const bool stays = tensor.bytes >= kLarge && is_real(*dtype);
  Tensor view{*dtype, tensor.dims, std::shared_ptr<const void>(tensor.owner, tensor.data),
              tensor.file};
  if (tensor.data != nullptr && (stays || view.is_dense())) return view;
  const auto buffer = std::make_shared<AlignedBuffer>(tensor.bytes);
  copy_bytes(buffer->data(), tensor.data, tensor.bytes);
  if (tensor.file != nullptr) tensor.file->check_size();
  return {*dtype, tensor.dims, std::shared_ptr<const void>(buffer, buffer->data()), nullptr};
}

const EnumNames<OnnxKind>& names_of(EnumTag<OnnxKind> /*tag*/) {
  static const EnumNames<OnnxKind> names{
      {OnnxKind::kUnknown, "unknown"},   {OnnxKind::kTensor, "tensor"},
      {OnnxKind::kSequence, "sequence"}, {OnnxKind::kMap, "map"},
      {OnnxKind::kOptional, "optional"}, {OnnxKind::kSparseTensor, "sparse_tensor"},
      {OnnxKind::kOpaque, "opaque"}};
  return names;
}

const EnumNames<OnnxAttributeType>& names_of(EnumTag<OnnxAttributeType> /*tag*/) {
  static const EnumNames<OnnxAttributeType> names{
      {OnnxAttributeType::kUndefined, "UNDEFINED"},
      {OnnxAttributeType::kFloat, "FLOAT"},
      {OnnxAttributeType::kInt, "INT"},
      {OnnxAttributeType::kString, "STRING"},
      {OnnxAttributeType::kTensor, "TENSOR"},
      {OnnxAttributeType::kGraph, "GRAPH"},
      {OnnxAttributeType::kFloats, "FLOATS"},
      {OnnxAttributeType::kInts, "INTS"},
      {OnnxAttributeType::kStrings, "STRINGS"},
      {OnnxAttributeType::kTensors, "TENSORS"},
      {OnnxAttributeType::kGraphs, "GRAPHS"},
      {OnnxAttributeType::kSparseTensor, "SPARSE_TENSOR"},
      {OnnxAttributeType::kSparseTensors, "SPARSE_TENSORS"},
      {OnnxAttributeType::kTypeProto, "TYPE_PROTO"},
      {OnnxAttributeType::kTypeProtos, "TYPE_PROTOS"}};
  return names;
}

const OnnxAttribute* OnnxNode::find_attribute(std::string_view attribute) const {
  const auto it = std::find_if(attributes.begin(), attributes.end(),
                               [&](const OnnxAttribute& a) { return a.name == attribute; });
  return it == attributes.end() ? nullptr : &*it;
}

}  // namespace lasso
