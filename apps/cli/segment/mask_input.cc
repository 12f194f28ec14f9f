#include "cli/segment/mask_input.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "cli/exit_codes.h"
#include "core/convert.h"
#include "core/file.h"
#include "core/finite.h"
#include "formats/npy/npy.h"

namespace lasso::app {

namespace {

// [side, side] behind any number of ones, as far as anybody writes them.
bool is_one_mask(const Dims& shape) {
  const std::size_t rank = shape.size();
  if (rank < 2 || rank > 4 || shape[rank - 1] != shape[rank - 2] || shape[rank - 1] < 1) {
    return false;
  }
  return std::all_of(shape.begin(), shape.end() - 2, [](std::int64_t dim) { return dim == 1; });
}

}  // namespace

MaskInput parse_mask_input(const std::string& bytes, const std::string& path) {
  const Tensor mask = for_option("--mask-input", [&] {
    const auto owner = std::make_shared<const std::string>(bytes);
    return parse_npy(reinterpret_cast<const std::byte*>(owner->data()), owner->size(), path, owner);
  });
  if (!is_real(mask.dtype)) {
    usage_error(
        "--mask-input {}: has elements of type {} (\"{}\"), expected logits in float32 (\"{}\"), "
        "float16 or float64",
        path, to_string(mask.dtype), npy_type(mask.dtype), npy_type(DType::kF32));
  }
  if (!is_one_mask(mask.dims)) {
    usage_error(
        "--mask-input {}: has shape {}, expected one mask of logits, [side, side], "
        "[1, side, side] or [1, 1, side, side]; of several masks choose one",
        path, to_string(mask.dims));
  }
  MaskInput result{mask.dims, read_f32(mask.view())};
  if (count_not_finite(result.values.data(), result.values.size()) > 0) {
    usage_error("--mask-input {}: has values that are not finite, or not in float32", path);
  }
  return result;
}

MaskInput read_mask_input(const std::string& path) {
  return parse_mask_input(for_option("--mask-input", [&] { return read_file(path); }), path);
}

void check_side(const MaskInput& mask, const std::string& path, int side) {
  if (mask.shape.back() == side) return;
  usage_error(
      "--mask-input {}: has shape {}, so a side of {}, but this model's logits have {}: expected "
      "[{}, {}]",
      path, to_string(mask.shape), mask.shape.back(), side, side, side);
}

}  // namespace lasso::app
