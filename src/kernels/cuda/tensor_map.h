// What sm_90's copies of tensors take for a tensor: its address, its sizes and the box.
#ifndef LASSO_KERNELS_CUDA_TENSOR_MAP_H_
#define LASSO_KERNELS_CUDA_TENSOR_MAP_H_

#include <cuda.h>

#include <array>
#include <cstdint>

#include "core/dtype.h"

namespace lasso::kernels::gpu {

// A dense tensor of 16-bit numbers, its innermost axis first, of which boxes are copied. What lies
// outside of it is zeros. Rows of a box, of `box[0]` numbers, are 32, 64 or 128 bytes and are
// swizzled as in wgmma.cuh.
CUtensorMap map_boxes(DType dtype, const void* data, const std::array<std::int64_t, 3>& sizes,
                      const std::array<int, 3>& box);

// Images [batch, height, width, channels] of 16-bit numbers, of which `pixels` neighbouring windows
// are copied at once, of each one tap's `channels_of_box` channels; axes are (width, height).
struct WindowsMap {
  std::int64_t batch, height, width, channels;
  std::array<int, 2> lower;   // where the first window begins, beside the image's first pixel
  std::array<int, 2> upper;   // where the last one may begin, beside the image's last pixel
  std::array<int, 2> stride;  // of windows
  int channels_of_box, pixels;
};
CUtensorMap map_windows(DType dtype, const void* data, const WindowsMap& windows);

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_CUDA_TENSOR_MAP_H_
