#include "models/sam/export/export_builder.h"

#include <memory>
#include <numbers>
#include <utility>

#include "core/convert.h"
#include "quant/number_schemes.h"

namespace lasso::sam {

namespace {

Tensor as_f32(const Tensor& tensor) {
  if (tensor.dtype == DType::kF32) return tensor;
  Tensor wide = make_tensor(tensor.dims, read_f32(tensor.view()));
  tensor.check_file();
  return wide;
}

// [n, k] -> [k, n].
template <typename T>
std::vector<T> transposed(const T* values, std::int64_t n, std::int64_t k) {
  std::vector<T> result(static_cast<std::size_t>(n * k));
  // Blocks of rows and columns that stay in the cache.
  constexpr std::int64_t kBlock = 32;
  for (std::int64_t j0 = 0; j0 < n; j0 += kBlock) {
    const std::int64_t j1 = std::min(j0 + kBlock, n);
    for (std::int64_t i = 0; i < k; ++i) {
      for (std::int64_t j = j0; j < j1; ++j) {
        result[static_cast<std::size_t>(i * n + j)] = values[j * k + i];
      }
    }
  }
  return result;
}

Tensor transposed_parameter(const Weights& weights, const std::string& name) {
  const Tensor tensor = as_f32(weights.dense(name));
  const std::int64_t n = tensor.dims[0];
  const std::int64_t k = tensor.dims[1];
  const std::vector<float> values = transposed(tensor.view().as<float>(), n, k);
  tensor.check_file();
  weights.release(name);
  return make_tensor({k, n}, values);
}

template <typename T>
Tensor owned(DType dtype, Dims dims, std::vector<T> values) {
  const auto data = std::make_shared<const std::vector<T>>(std::move(values));
  return {dtype, std::move(dims), {data, data->data()}, nullptr};
}

}  // namespace

OnnxBuilder::Value ExportBuilder::parameter(const std::string& name) {
  return parameter(name, checkpoint_.weights.at(name).dims);
}

OnnxBuilder::Value ExportBuilder::parameter(const std::string& name, const Dims& dims) {
  const WeightTensor& tensor = checkpoint_.weights.at(name);
  if (tensor.dtype == DType::kF32 && tensor.lies_dense()) {
    Tensor view = checkpoint_.weights.dense(name);
    view.dims = dims;
    return constant(name, view);
  }
  return constant(name, DType::kF32, dims, [&weights = checkpoint_.weights, name, dims] {
    Tensor made = as_f32(weights.dense(name));
    made.dims = dims;
    return made;
  });
}

OnnxBuilder::Value ExportBuilder::quantised(const std::string& name, const Value& x, float scale) {
  const Value factor = constant(name + ".scale", make_tensor({}, std::vector<float>{scale}));
  const Value zero = constant("int8 0", owned(DType::kI8, {}, std::vector<std::int8_t>{0}));
  const Value rounded = node(name + ".q", "QuantizeLinear", {x, factor, zero});
  return node(name + ".dq", "DequantizeLinear", {rounded, factor, zero});
}

OnnxBuilder::Value ExportBuilder::quantised_weights(const std::string& name) {
  const Dims& dims = checkpoint_.weights.at(name).dims;
  const auto quantise = [&weights = checkpoint_.weights, name] {
    const Tensor tensor = weights.dense(name);
    quant::Int8Weights result = quant::quantize_weights(tensor.view(), {});
    tensor.check_file();
    weights.release(name);
    return result;
  };
  const Value q = constant(name + ".q", DType::kI8, {dims[1], dims[0]}, [quantise, dims] {
    return owned(DType::kI8, {dims[1], dims[0]}, transposed(quantise().q.data(), dims[0], dims[1]));
  });
  const Value scales = constant(name + ".scales", DType::kF32, {dims[0]}, [quantise, dims] {
    return owned(DType::kF32, {dims[0]}, quantise().scales);
  });
  const Value zeros = constant(
      fmt::format("int8 0 x {}", dims[0]),
      owned(DType::kI8, {dims[0]}, std::vector<std::int8_t>(static_cast<std::size_t>(dims[0]), 0)));
  return node(name + ".dq", "DequantizeLinear", {q, scales, zeros}, {{"axis", std::int64_t{1}}});
}

OnnxBuilder::Value ExportBuilder::linear(const std::string& name, const Value& x,
                                         const std::string& layer) {
  const std::string weight = layer + ".weight";
  const auto scale = scales_.find(weight);
  Value input = x;
  Value matrix;
  if (scale != scales_.end()) {
    input = quantised(name + ".in", x, scale->second);
    matrix = quantised_weights(weight);
  } else {
    const Dims& dims = checkpoint_.weights.at(weight).dims;
    matrix = constant(
        weight + ".T", DType::kF32, {dims[1], dims[0]},
        [&weights = checkpoint_.weights, weight] { return transposed_parameter(weights, weight); });
  }
  const Value product = node(name + ".product", "MatMul", {input, matrix});
  return add(name, parameter(layer + ".bias"), product);
}

OnnxBuilder::Value ExportBuilder::linear_2d(const std::string& name, const Value& x,
                                            const std::string& layer) {
  return node(name, "Gemm", {x, parameter(layer + ".weight"), parameter(layer + ".bias")},
              {{"transB", std::int64_t{1}}});
}

OnnxBuilder::Value ExportBuilder::reduce(const std::string& name, const std::string& op_type,
                                         const Value& x, const std::vector<std::int64_t>& axes,
                                         bool keep, std::int64_t since) {
  Attributes attributes{{"keepdims", std::int64_t{keep ? 1 : 0}}};
  std::vector<Value> inputs{x};
  if (opset() >= since) {
    inputs.push_back(ints(axes));
  } else {
    attributes.emplace_back("axes", axes);
  }
  return node(name, op_type, std::move(inputs), attributes);
}

OnnxBuilder::Value ExportBuilder::normalised(const std::string& name, const Value& x,
                                             std::int64_t axis, float epsilon) {
  const Value mean = reduce(name + ".mean", "ReduceMean", x, {axis}, true, 18);
  const Value centred = node(name + ".centred", "Sub", {x, mean});
  const Value squares = node(name + ".squares", "Pow", {centred, scalar(2.0F)});
  const Value variance = reduce(name + ".variance", "ReduceMean", squares, {axis}, true, 18);
  const Value sum = add(name + ".variance.eps", variance, scalar(epsilon));
  return node(name + ".normalised", "Div", {centred, node(name + ".deviation", "Sqrt", {sum})});
}

OnnxBuilder::Value ExportBuilder::layer_norm(const std::string& name, const Value& x,
                                             const std::string& layer, float epsilon) {
  const Value weight = parameter(layer + ".weight");
  const Value bias = parameter(layer + ".bias");
  constexpr std::int64_t kLayerNormalization = 17;  // the operator set that has it
  if (opset() >= kLayerNormalization) {
    return node(name, "LayerNormalization", {x, weight, bias},
                {{"axis", std::int64_t{-1}}, {"epsilon", epsilon}});
  }
  const Value scaled = node(name + ".scaled", "Mul", {normalised(name, x, -1, epsilon), weight});
  return add(name, scaled, bias);
}

OnnxBuilder::Value ExportBuilder::layer_norm_2d(const std::string& name, const Value& x,
                                                const std::string& layer, float epsilon) {
  const std::int64_t channels = checkpoint_.weights.at(layer + ".weight").dims[0];
  const Dims dims{channels, 1, 1};
  const Value value = normalised(name, x, 1, epsilon);
  const Value scaled = node(name + ".scaled", "Mul", {parameter(layer + ".weight", dims), value});
  return add(name, scaled, parameter(layer + ".bias", dims));
}

OnnxBuilder::Value ExportBuilder::gelu(const std::string& name, const Value& x) {
  const Value scaled = node(name + ".scaled", "Div", {x, scalar(std::numbers::sqrt2_v<float>)});
  const Value erf = node(name + ".erf", "Erf", {scaled});
  const Value factor = add(name + ".factor", erf, scalar(1.0F));
  const Value product = node(name + ".product", "Mul", {x, factor});
  return node(name, "Mul", {product, scalar(0.5F)});
}

OnnxBuilder::Value ExportBuilder::convolution(const std::string& name, const std::string& op_type,
                                              const Value& x, const std::string& layer,
                                              std::int64_t side, std::int64_t stride,
                                              std::int64_t padding, bool bias) {
  std::vector<Value> inputs{x, parameter(layer + ".weight")};
  if (bias) inputs.push_back(parameter(layer + ".bias"));
  return node(name, op_type, std::move(inputs),
              {{"dilations", std::vector<std::int64_t>{1, 1}},
               {"group", std::int64_t{1}},
               {"kernel_shape", std::vector<std::int64_t>(2, side)},
               {"pads", std::vector<std::int64_t>(4, padding)},
               {"strides", std::vector<std::int64_t>(2, stride)}});
}

}  // namespace lasso::sam
