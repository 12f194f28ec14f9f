#include "eval/reference_masks.h"

#include <algorithm>
#include <cstdint>

#include "core/check.h"
#include "core/tensor.h"
#include "formats/npy/npy.h"

namespace lasso {

namespace {

template <typename T>
void set_inside(const TensorView& array, std::size_t first, Mask* mask) {
  const T* begin = array.as<T>() + first;
  std::transform(begin, begin + mask->data.size(), mask->data.begin(),
                 [](T value) { return static_cast<std::uint8_t>(value > 0 ? 1 : 0); });
}

}  // namespace

std::vector<Mask> read_reference_masks(const AccuracyImage& image, int width, int height,
                                       std::size_t prompts) {
  const std::string& path = image.reference_masks;
  const Tensor array = read_npy(path);
  const bool bytes = array.dtype == DType::kBool || array.dtype == DType::kU8;
  LASSO_CHECK(bytes || array.dtype == DType::kF32, ErrorCode::kUnsupported,
              "{}: has elements of type {}, expected bool, uint8 or float32", path,
              to_string(array.dtype));
  const Dims expected = {static_cast<std::int64_t>(prompts), height, width};
  LASSO_CHECK(array.dims == expected, ErrorCode::kCorruptFile,
              "{}: has shape {}, expected {} (prompts, height, width)", path, to_string(array.dims),
              to_string(expected));
  const std::size_t pixels = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  std::vector<Mask> masks;
  for (std::size_t i = 0; i < prompts; ++i) {
    masks.push_back({width, height, std::vector<std::uint8_t>(pixels)});
    if (bytes) {
      set_inside<std::uint8_t>(array.view(), i * pixels, &masks.back());
    } else {
      set_inside<float>(array.view(), i * pixels, &masks.back());
    }
  }
  return masks;
}

}  // namespace lasso
