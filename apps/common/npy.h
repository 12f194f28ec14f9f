// NumPy's .npy files, as far as the command line needs them: C order, little-endian.
#ifndef LASSO_COMMON_NPY_H_
#define LASSO_COMMON_NPY_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lasso::app {

struct Array {
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};

// "[1, 256, 256]"
std::string shape_text(const std::vector<std::int64_t>& shape);

// Takes the bytes of a .npy file apart. Strict: anything but a float32 array in C order whose data
// fill the file exactly is refused with Failure(kUsage); `name` (option and path) starts the
// message.
Array parse_npy(const std::string& name, std::string_view bytes);

// One byte per element, 1 inside and 0 outside.
struct MaskArray {
  std::vector<std::int64_t> shape;
  std::vector<std::uint8_t> values;
};

// The same for masks: bool or uint8 (not 0 is inside), or float32 logits (above 0 is inside).
MaskArray parse_npy_masks(const std::string& name, std::string_view bytes);

// The bytes of a .npy file of version 1.0.
std::string format_npy(const std::vector<std::int64_t>& shape, const std::vector<float>& values);

}  // namespace lasso::app

#endif  // LASSO_COMMON_NPY_H_
