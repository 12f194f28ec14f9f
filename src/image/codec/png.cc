#include <png.h>

#include <csetjmp>
#include <cstdio>
#include <cstring>

#include "core/check.h"
#include "image/codec/codecs.h"

namespace lasso {

namespace {

// libpng reports through a jump; the functions that it may leave (start, read_rows) hold nothing
// that has a destructor.
struct Decoder {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::jmp_buf escape{};
  const std::uint8_t* next = nullptr;
  std::size_t left = 0;
  bool truncated = false;
  int passes = 1;
  char message[256] = {};

  Decoder(const std::uint8_t* data, std::size_t size) : next(data), left(size) {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error,
                                 [](png_structp, png_const_charp) {});
    if (png != nullptr) info = png_create_info_struct(png);
  }
  ~Decoder() { png_destroy_read_struct(&png, &info, nullptr); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  [[noreturn]] static void on_error(png_structp png, png_const_charp text) {
    auto* decoder = static_cast<Decoder*>(png_get_error_ptr(png));
    std::snprintf(decoder->message, sizeof(decoder->message), "%s", text);
    std::longjmp(decoder->escape, 1);
  }

  static void read(png_structp png, png_bytep out, std::size_t bytes) {
    auto* decoder = static_cast<Decoder*>(png_get_io_ptr(png));
    if (bytes > decoder->left) {
      decoder->truncated = true;
      png_error(png, "it ends too early");
    }
    std::memcpy(out, decoder->next, bytes);
    decoder->next += bytes;
    decoder->left -= bytes;
  }
};

// Reads up to the pixels and sets all kinds of PNG to come out as 8-bit RGB. Of 16 bits the upper 8
// are kept, as Pillow and OpenCV do; colours are not changed for transparency or gamma.
bool start(Decoder& d) {
  if (setjmp(d.escape) != 0) return false;
  png_set_read_fn(d.png, &d, Decoder::read);
  // The size is checked against max_pixels; libpng's own limit would hide the reason.
  png_set_user_limits(d.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  // Profiles and texts may be large when unpacked, and nothing here reads them.
  png_set_keep_unknown_chunks(d.png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_set_keep_unknown_chunks(d.png, PNG_HANDLE_CHUNK_AS_DEFAULT,
                              reinterpret_cast<png_const_bytep>("tRNS"), 1);
  png_read_info(d.png, d.info);
  return true;
}

bool read_rows(Decoder& d, std::uint8_t* out, std::size_t stride, std::uint32_t height) {
  if (setjmp(d.escape) != 0) return false;
  png_set_strip_16(d.png);
  png_set_expand(d.png);
  png_set_strip_alpha(d.png);
  png_set_gray_to_rgb(d.png);
  d.passes = png_set_interlace_handling(d.png);
  png_read_update_info(d.png, d.info);
  if (png_get_rowbytes(d.png, d.info) != stride) png_error(d.png, "unexpected row size");
  for (int pass = 0; pass < d.passes; ++pass) {
    for (std::uint32_t y = 0; y < height; ++y) png_read_row(d.png, out + stride * y, nullptr);
  }
  png_read_end(d.png, nullptr);
  return true;
}

[[noreturn]] void report(const Decoder& decoder, const std::string& name) {
  fail(ErrorCode::kCorruptFile, "{}: the PNG is {} ({})", name,
       decoder.truncated ? "truncated" : "damaged", decoder.message);
}

}  // namespace

Image decode_png(const std::uint8_t* data, std::size_t size, const std::string& name,
                 const ReadImageOptions& options) {
  Decoder decoder(data, size);
  LASSO_CHECK(decoder.info != nullptr, ErrorCode::kOutOfMemory, "{}: no memory to decode the PNG",
              name);
  if (!start(decoder)) report(decoder, name);
  const std::uint32_t width = png_get_image_width(decoder.png, decoder.info);
  const std::uint32_t height = png_get_image_height(decoder.png, decoder.info);
  Image image = allocate_rgb(width, height, name, options);
  if (!read_rows(decoder, image.pixels.data(), std::size_t{3} * width, height)) {
    report(decoder, name);
  }
  return image;
}

}  // namespace lasso
