// Images: every input is decoded or refused with lasso::Error, and what was decoded survives being
// written.
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
  return 0;
}
