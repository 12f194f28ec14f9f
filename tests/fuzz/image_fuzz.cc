// Images: every input is decoded or refused with lasso::Error, in every range alike, and what was
// decoded survives being written.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "lasso/error.h"
#include "lasso/image.h"

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  lasso::ReadImageOptions options;
  options.max_pixels = 1 << 18;
  lasso::Image image;
  try {
    image = lasso::decode_image(data, size, "fuzz", options);
  } catch (const lasso::Error&) {
    return 0;
  }
  const lasso::Image again = lasso::decode_image(lasso::encode_png(image.view()), "again", options);
  if (again.pixels != image.pixels) std::abort();
  // A file that is decoded once is decoded in any range; of that of its values, both ends are
  // there.
  const lasso::ValueRange values = lasso::decode_value_range(data, size, "fuzz", options);
  if (values.low > values.high) std::abort();
  if (values.low == values.high) return 0;
  options.range = values;
  const lasso::Image ranged = lasso::decode_image(data, size, "fuzz", options);
  if (ranged.width != image.width || ranged.height != image.height) std::abort();
  bool low = false;
  bool high = false;
  for (const std::uint8_t value : ranged.pixels) {
    low |= value == 0;
    high |= value == 255;
  }
  if (!low || !high) std::abort();
  return 0;
}
