// Arguments of a program: typed references to memory that the caller owns.
#ifndef LASSO_ENGINE_RUN_TENSOR_REF_H_
#define LASSO_ENGINE_RUN_TENSOR_REF_H_

#include <cstdint>

#include "core/dtype.h"

namespace lasso::engine {

// Whose memory it is. On a device that is the host, both are the same.
enum class MemorySpace : std::uint8_t { kHost, kDevice };

// A dense tensor of the shape that the program's input has.
struct ConstTensorRef {
  ConstTensorRef() = default;
  ConstTensorRef(const void* data, DType dtype, MemorySpace space = MemorySpace::kHost)
      : data(data), dtype(dtype), space(space) {}
  ConstTensorRef(const float* data)  // NOLINT(google-explicit-constructor): the host's floats
      : ConstTensorRef(data, DType::kF32) {}
  ConstTensorRef(const std::int32_t* data)  // NOLINT(google-explicit-constructor)
      : ConstTensorRef(data, DType::kI32) {}

  const void* data = nullptr;
  DType dtype = DType::kF32;
  MemorySpace space = MemorySpace::kHost;
};

// The same for a result.
struct TensorRef {
  TensorRef() = default;
  TensorRef(void* data, DType dtype, MemorySpace space = MemorySpace::kHost)
      : data(data), dtype(dtype), space(space) {}
  TensorRef(float* data)  // NOLINT(google-explicit-constructor): the host's floats
      : TensorRef(data, DType::kF32) {}
  TensorRef(std::int32_t* data)  // NOLINT(google-explicit-constructor)
      : TensorRef(data, DType::kI32) {}

  void* data = nullptr;
  DType dtype = DType::kF32;
  MemorySpace space = MemorySpace::kHost;
};

}  // namespace lasso::engine

#endif  // LASSO_ENGINE_RUN_TENSOR_REF_H_
