// What stands in for the JPEG and PNG codecs in a build without them.
#include "core/check.h"
#include "image/codec/codecs.h"
#include "lasso/image.h"
#include "lasso/mask.h"

namespace lasso {

namespace {

[[noreturn]] void fail_without_codecs(const std::string& name) {
  fail(ErrorCode::kUnsupported,
       "{}: this build has no JPEG and PNG codecs (LASSO_IMAGE_CODECS=OFF)", name);
}

}  // namespace

Decoded decode_jpeg(const std::uint8_t* /*data*/, std::size_t /*size*/, const std::string& name,
                    const ReadImageOptions& /*options*/) {
  fail_without_codecs(name);
}

Decoded decode_png(const std::uint8_t* /*data*/, std::size_t /*size*/, const std::string& name,
                   const ReadImageOptions& /*options*/) {
  fail_without_codecs(name);
}

std::vector<std::uint8_t> encode_png(const ImageView& /*image*/) { fail_without_codecs("a PNG"); }

std::vector<std::uint8_t> encode_mask_png(const Mask& /*mask*/, MaskDepth /*depth*/) {
  fail_without_codecs("a PNG");
}

std::vector<std::uint8_t> encode_labelmap_png(const std::vector<std::uint16_t>& /*labels*/,
                                              int /*width*/, int /*height*/) {
  fail_without_codecs("a PNG");
}

void write_png(const std::string& path, const ImageView& /*image*/) { fail_without_codecs(path); }

void write_mask_png(const std::string& path, const Mask& /*mask*/) { fail_without_codecs(path); }

void write_labelmap_png(const std::string& path, const std::vector<std::uint16_t>& /*labels*/,
                        int /*width*/, int /*height*/) {
  fail_without_codecs(path);
}

}  // namespace lasso
