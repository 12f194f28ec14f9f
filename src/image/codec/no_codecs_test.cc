// A build with LASSO_IMAGE_CODECS=OFF says so where JPEG or PNG would be read or written.
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "lasso/error.h"
#include "lasso/image.h"
#include "lasso/mask.h"

namespace lasso {
namespace {

void expect_refused(const std::string& name, const std::function<void()>& f) {
  try {
    f();
    ADD_FAILURE() << name << ": no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    EXPECT_EQ(error.what(),
              name + ": this build has no JPEG and PNG codecs (LASSO_IMAGE_CODECS=OFF)");
  }
}

void decode(const std::string& file, const std::string& name) {
  decode_image(reinterpret_cast<const std::uint8_t*>(file.data()), file.size(), name);
}

TEST(NoCodecs, JpegAndPngAreRefusedByName) {
  expect_refused("a.jpg", [] { decode("\xff\xd8\xff", "a.jpg"); });
  expect_refused("a.png", [] { decode("\x89PNG\r\n\x1a\n", "a.png"); });
}

TEST(NoCodecs, NoPngIsWritten) {
  const std::uint8_t pixel = 1;
  const ImageView view{&pixel, 1, 1, 1, PixelFormat::kGray};
  const Mask mask{1, 1, {1}};
  expect_refused("o.png", [&] { write_png("o.png", view); });
  expect_refused("m.png", [&] { write_mask_png("m.png", mask); });
  expect_refused("l.png", [&] { write_labelmap_png("l.png", {1}, 1, 1); });
  expect_refused("a PNG", [&] { encode_png(view); });
  expect_refused("a PNG", [&] { encode_mask_png(mask, MaskDepth::kByte); });
  expect_refused("a PNG", [&] { encode_labelmap_png({1}, 1, 1); });
}

}  // namespace
}  // namespace lasso
