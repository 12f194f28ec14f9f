// Imported models on tensors as ONNX's own files have them.
#ifndef LASSO_TESTS_ONNX_ONNX_RUN_H_
#define LASSO_TESTS_ONNX_ONNX_RUN_H_

#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "api/tensor.h"
#include "core/convert.h"
#include "core/tensor.h"
#include "lasso/engine.h"
#include "lasso/runner.h"

namespace lasso::test {

inline HostTensorView view_of(const Tensor& tensor) {
  return {element_type(tensor.dtype), tensor.dims, tensor.data.get()};
}

// Elements of any type as numbers; int64 beyond 2^53 are none that tests have.
inline std::vector<double> numbers(DType dtype, const void* data, std::int64_t count) {
  std::vector<double> values;
  const auto read = [&]<typename T>(T /*zero*/) {
    for (std::int64_t i = 0; i < count; ++i) {
      values.push_back(static_cast<double>(static_cast<const T*>(data)[i]));
    }
  };
  switch (dtype) {
    case DType::kI64:
      read(std::int64_t{});
      return values;
    case DType::kI32:
      read(std::int32_t{});
      return values;
    case DType::kI16:
      read(std::int16_t{});
      return values;
    case DType::kI8:
      read(std::int8_t{});
      return values;
    case DType::kU8:
    case DType::kBool:
      read(std::uint8_t{});
      return values;
    case DType::kF64:
      read(double{});
      return values;
    default:
      for (const float value : read_f32(TensorView{dtype, {count}, data})) values.push_back(value);
      return values;
  }
}

inline std::vector<double> numbers(const HostTensor& tensor) {
  return numbers(dtype_of(tensor.type), tensor.bytes.data(), element_count(tensor.shape));
}
inline std::vector<double> numbers(const Tensor& tensor) {
  return numbers(tensor.dtype, tensor.data.get(), element_count(tensor.dims));
}

// |a - b| / |b| in Euclidean norms.
inline double relative_error(const std::vector<double>& a, const std::vector<double>& b) {
  double difference = 0;
  double norm = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    norm += b[i] * b[i];
  }
  return std::sqrt(difference) / (norm == 0 ? 1 : std::sqrt(norm));
}

// By the inputs' order.
inline std::map<std::string, HostTensor> run(Runner& runner, const std::vector<Tensor>& inputs) {
  std::map<std::string, HostTensorView> views;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    views.emplace(runner.inputs().at(i).name, view_of(inputs[i]));
  }
  return runner.run(views);
}

}  // namespace lasso::test

#endif  // LASSO_TESTS_ONNX_ONNX_RUN_H_
