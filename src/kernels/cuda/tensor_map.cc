#include "kernels/cuda/tensor_map.h"

#include <cudaTypedefs.h>
#include <cuda_runtime_api.h>

#include "backend/cuda/cuda_check.h"
#include "core/check.h"

namespace lasso::kernels::gpu {

namespace {

constexpr unsigned kSince = 12000;  // the version of CUDA that brought both functions

template <typename Function>
Function driver_function(const char* name) {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found = cudaDriverEntryPointSymbolNotFound;
  LASSO_CUDA_CHECK(
      cudaGetDriverEntryPointByVersion(name, &function, kSince, cudaEnableDefault, &found));
  LASSO_CHECK(found == cudaDriverEntryPointSuccess, ErrorCode::kDevice,
              "the NVIDIA driver lacks {}", name);
  return reinterpret_cast<Function>(function);
}

CUtensorMapDataType type_of(DType dtype) {
  return dtype == DType::kBF16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 : CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
}

CUtensorMapSwizzle swizzle_of(int numbers) {
  return numbers == 64   ? CU_TENSOR_MAP_SWIZZLE_128B
         : numbers == 32 ? CU_TENSOR_MAP_SWIZZLE_64B
                         : CU_TENSOR_MAP_SWIZZLE_32B;
}

void check(CUresult result, const char* name) {
  LASSO_CHECK(result == CUDA_SUCCESS, ErrorCode::kInternal, "{}: error {}", name,
              static_cast<int>(result));
}

constexpr auto kPlain = CU_TENSOR_MAP_INTERLEAVE_NONE;
constexpr auto kFetch = CU_TENSOR_MAP_L2_PROMOTION_L2_128B;
constexpr auto kZeros = CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE;

}  // namespace

CUtensorMap map_boxes(DType dtype, const void* data, const std::array<std::int64_t, 3>& sizes,
                      const std::array<int, 3>& box) {
  static const auto encode =
      driver_function<PFN_cuTensorMapEncodeTiled_v12000>("cuTensorMapEncodeTiled");
  cuuint64_t dims[3];
  cuuint64_t strides[3];
  cuuint32_t boxes[3];
  const cuuint32_t steps[3] = {1, 1, 1};
  cuuint64_t bytes = size_of(dtype);
  for (std::size_t i = 0; i < 3; ++i) {
    dims[i] = static_cast<cuuint64_t>(sizes[i]);
    boxes[i] = static_cast<cuuint32_t>(box[i]);
    strides[i] = bytes *= dims[i];
  }
  CUtensorMap map;
  check(encode(&map, type_of(dtype), 3, const_cast<void*>(data), dims, strides, boxes, steps,
               kPlain, swizzle_of(box[0]), kFetch, kZeros),
        "cuTensorMapEncodeTiled");
  return map;
}

CUtensorMap map_windows(DType dtype, const void* data, const WindowsMap& w) {
  static const auto encode =
      driver_function<PFN_cuTensorMapEncodeIm2col_v12000>("cuTensorMapEncodeIm2col");
  const cuuint64_t dims[4] = {static_cast<cuuint64_t>(w.channels), static_cast<cuuint64_t>(w.width),
                              static_cast<cuuint64_t>(w.height), static_cast<cuuint64_t>(w.batch)};
  cuuint64_t strides[3];
  cuuint64_t bytes = size_of(dtype);
  for (std::size_t i = 0; i < 3; ++i) strides[i] = bytes *= dims[i];
  const cuuint32_t steps[4] = {1, static_cast<cuuint32_t>(w.stride[0]),
                               static_cast<cuuint32_t>(w.stride[1]), 1};
  CUtensorMap map;
  check(encode(&map, type_of(dtype), 4, const_cast<void*>(data), dims, strides, w.lower.data(),
               w.upper.data(), static_cast<cuuint32_t>(w.channels_of_box),
               static_cast<cuuint32_t>(w.pixels), steps, kPlain, swizzle_of(w.channels_of_box),
               kFetch, kZeros),
        "cuTensorMapEncodeIm2col");
  return map;
}

}  // namespace lasso::kernels::gpu
