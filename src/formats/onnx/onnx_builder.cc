#include "formats/onnx/onnx_builder.h"

#include <fmt/ranges.h>

#include <memory>
#include <type_traits>

#include "core/check.h"

namespace lasso {

namespace {

// The version of the format (IR) that came with an operator set.
// https://github.com/onnx/onnx/blob/main/docs/Versioning.md
std::int64_t ir_version(std::int64_t opset) {
  if (opset <= 14) return 7;
  if (opset <= 18) return 8;
  return opset <= 20 ? 9 : 10;
}

OnnxDataType onnx_type(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return OnnxDataType::kFloat32;
    case DType::kI8:
      return OnnxDataType::kInt8;
    case DType::kI64:
      return OnnxDataType::kInt64;
    default:
      fail(ErrorCode::kInternal, "an initialiser of {}", to_string(dtype));
  }
}

OnnxValueInfo tensor_info(const std::string& name, OnnxDataType type, std::vector<OnnxDim> shape) {
  return {name, OnnxKind::kTensor, type, std::move(shape)};
}

OnnxAttribute attribute_of(const std::string& name, const OnnxBuilder::Attribute& value) {
  OnnxAttribute attribute;
  attribute.name = name;
  std::visit(
      [&](const auto& one) {
        using T = std::decay_t<decltype(one)>;
        attribute.value = one;
        attribute.type = std::is_same_v<T, std::int64_t>  ? OnnxAttributeType::kInt
                         : std::is_same_v<T, float>       ? OnnxAttributeType::kFloat
                         : std::is_same_v<T, std::string> ? OnnxAttributeType::kString
                                                          : OnnxAttributeType::kInts;
      },
      value);
  return attribute;
}

}  // namespace

void BuiltOnnx::write(FileSet& files, const std::string& path, OnnxWriteOptions options) const {
  options.make = [this](const OnnxTensor& tensor) { return makers.at(tensor.name)(); };
  write_onnx(model, files, path, options);
}

OnnxBuilder::OnnxBuilder(std::string name, std::int64_t opset) : opset_(opset) {
  built_.model.ir_version = ir_version(opset);
  built_.model.producer_name = "lasso";
  built_.model.opset_imports.push_back({"", opset});
  built_.model.path = name;
  built_.model.graph.name = std::move(name);
}

OnnxBuilder::Value OnnxBuilder::input(const std::string& name, OnnxDataType type,
                                      std::vector<OnnxDim> shape) {
  built_.model.graph.inputs.push_back(tensor_info(name, type, std::move(shape)));
  return name;
}

void OnnxBuilder::output(const Value& value, OnnxDataType type, std::vector<OnnxDim> shape) {
  built_.model.graph.outputs.push_back(tensor_info(value, type, std::move(shape)));
}

OnnxBuilder::Value OnnxBuilder::node(const std::string& name, const std::string& op_type,
                                     std::vector<Value> inputs, const Attributes& attributes) {
  return nodes({name}, op_type, std::move(inputs), attributes).front();
}

std::vector<OnnxBuilder::Value> OnnxBuilder::nodes(const std::vector<std::string>& names,
                                                   const std::string& op_type,
                                                   std::vector<Value> inputs,
                                                   const Attributes& attributes) {
  OnnxNode node;
  node.name = names.front();
  node.op_type = op_type;
  node.inputs = std::move(inputs);
  node.outputs = names;
  for (const auto& [name, value] : attributes) node.attributes.push_back(attribute_of(name, value));
  built_.model.graph.nodes.push_back(std::move(node));
  return names;
}

OnnxTensor* OnnxBuilder::add_initializer(const std::string& name, DType dtype, const Dims& dims) {
  if (!constants_.insert(name).second) return nullptr;
  OnnxTensor& tensor = built_.model.graph.initializers.emplace_back();
  tensor.name = name;
  tensor.data_type = onnx_type(dtype);
  tensor.dims = dims;
  tensor.bytes = static_cast<std::size_t>(lasso::element_count(dims)) * size_of(dtype);
  return &tensor;
}

OnnxBuilder::Value OnnxBuilder::constant(const std::string& name, const Tensor& tensor) {
  if (OnnxTensor* added = add_initializer(name, tensor.dtype, tensor.dims)) {
    added->data = static_cast<const std::byte*>(tensor.data.get());
    added->owner = tensor.data;
    added->file = tensor.file;
  }
  return name;
}

OnnxBuilder::Value OnnxBuilder::constant(const std::string& name, DType dtype, const Dims& dims,
                                         std::function<Tensor()> make) {
  if (add_initializer(name, dtype, dims) != nullptr) built_.makers[name] = std::move(make);
  return name;
}

OnnxBuilder::Value OnnxBuilder::integers(const std::string& name, const Dims& dims,
                                         const std::vector<std::int64_t>& values) {
  const auto data = std::make_shared<const std::vector<std::int64_t>>(values);
  return constant(name, Tensor{DType::kI64, dims, {data, data->data()}, nullptr});
}

OnnxBuilder::Value OnnxBuilder::ints(const std::vector<std::int64_t>& values) {
  return integers(fmt::format("ints[{}]", fmt::join(values, ",")),
                  {static_cast<std::int64_t>(values.size())}, values);
}

OnnxBuilder::Value OnnxBuilder::scalar(std::int64_t value) {
  return integers(fmt::format("int {}", value), {}, {value});
}

OnnxBuilder::Value OnnxBuilder::scalar(float value) {
  return constant(fmt::format("float {}", value), make_tensor({}, std::vector<float>{value}));
}

}  // namespace lasso
