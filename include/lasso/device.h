// Memory and streams of a GPU that the caller owns, for runs that never wait on the host. No
// vendor's type is named: pointers are those of the GPU's own interface.
#ifndef LASSO_DEVICE_H_
#define LASSO_DEVICE_H_

#include <cstdint>
#include <vector>

#include "lasso/tensor.h"

namespace lasso {

// A tensor in a GPU's memory: dense, row-major, at a multiple of its elements' size. It stays the
// caller's, and must live until the work that uses it is done.
struct DeviceTensorView {
  ElementType type = ElementType::kFloat32;
  std::vector<std::int64_t> shape;
  void* data = nullptr;  // as cudaMalloc returns it
};

// A stream of the caller: a cudaStream_t; null is the default stream.
struct DeviceStream {
  void* handle = nullptr;
};

}  // namespace lasso

#endif  // LASSO_DEVICE_H_
