#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <vector>

#include "core/check.h"
#include "core/file.h"
#include "core/guard.h"
#include "image/resize.h"
#include "lasso/image.h"
#include "lasso/mask.h"

namespace lasso {

namespace {

struct Layout {
  int width;
  int height;
  int bits;  // per channel
  int color;
  int filters;
  std::size_t row_bytes;
};

// libpng reports through a jump; the functions that it may leave (start, write_row, finish) hold
// nothing that has a destructor.
struct Encoder {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::jmp_buf escape{};
  std::vector<std::uint8_t> file;
  bool no_memory = false;
  char message[256] = {};

  Encoder() {
    png = png_create_write_struct(PNG_LIBPNG_VER_STRING, this, on_error,
                                  [](png_structp, png_const_charp) {});
    if (png != nullptr) info = png_create_info_struct(png);
  }
  ~Encoder() { png_destroy_write_struct(&png, &info); }
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  [[noreturn]] static void on_error(png_structp png, png_const_charp text) {
    auto* encoder = static_cast<Encoder*>(png_get_error_ptr(png));
    std::snprintf(encoder->message, sizeof(encoder->message), "%s", text);
    std::longjmp(encoder->escape, 1);
  }

  // An exception must not pass through libpng's frames.
  static void append(png_structp png, png_bytep data, std::size_t bytes) {
    auto* encoder = static_cast<Encoder*>(png_get_io_ptr(png));
    try {
      encoder->file.insert(encoder->file.end(), data, data + bytes);
    } catch (...) {
      encoder->no_memory = true;
    }
    if (encoder->no_memory) png_error(png, "no memory");
  }
};

bool start(Encoder& e, const Layout& layout, const std::vector<png_color>& palette, bool bgr) {
  if (setjmp(e.escape) != 0) return false;
  png_set_user_limits(e.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // the reader has none per side
  png_set_write_fn(e.png, &e, Encoder::append, [](png_structp) {});
  png_set_IHDR(e.png, e.info, static_cast<png_uint_32>(layout.width),
               static_cast<png_uint_32>(layout.height), layout.bits, layout.color,
               PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (!palette.empty()) {
    png_set_PLTE(e.png, e.info, palette.data(), static_cast<int>(palette.size()));
  }
  png_set_compression_level(e.png, 1);  // a tenth of level 6's time for a tenth more bytes
  png_set_filter(e.png, PNG_FILTER_TYPE_BASE, layout.filters);
  png_write_info(e.png, e.info);
  if (bgr) png_set_bgr(e.png);
  if (layout.bits == 16) png_set_swap(e.png);  // samples come in this machine's order
  if (layout.bits == 1) png_set_packing(e.png);
  return true;
}

bool write_row(Encoder& e, const std::uint8_t* row) {
  if (setjmp(e.escape) != 0) return false;
  png_write_row(e.png, row);
  return true;
}

bool finish(Encoder& e) {
  if (setjmp(e.escape) != 0) return false;
  png_write_end(e.png, e.info);
  return true;
}

// row(y, scratch) returns the bytes of row y, which it may make in `scratch`.
template <typename Row>
std::vector<std::uint8_t> encode(const Layout& layout, const std::vector<png_color>& palette,
                                 bool bgr, const Row& row) {
  return guard_memory("a PNG", [&] {
    Encoder e;
    LASSO_CHECK(e.info != nullptr, ErrorCode::kOutOfMemory, "no memory for a PNG");
    std::vector<std::uint8_t> scratch(layout.row_bytes);
    bool good = start(e, layout, palette, bgr);
    for (int y = 0; good && y < layout.height; ++y) good = write_row(e, row(y, scratch.data()));
    good = good && finish(e);
    LASSO_CHECK(good, e.no_memory ? ErrorCode::kOutOfMemory : ErrorCode::kInvalidArgument,
                "a PNG of {}x{} can't be made: {}", layout.width, layout.height, e.message);
    return std::move(e.file);
  });
}

void write_bytes(const std::string& path, const std::vector<std::uint8_t>& bytes) {
  write_file(path, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace

std::vector<std::uint8_t> encode_png(const ImageView& image) {
  check_view(image);
  const int bytes = channels(image.format);
  const bool bgr = image.format == PixelFormat::kBgr || image.format == PixelFormat::kBgra;
  const int color = bytes == 1   ? PNG_COLOR_TYPE_GRAY
                    : bytes == 3 ? PNG_COLOR_TYPE_RGB
                                 : PNG_COLOR_TYPE_RGB_ALPHA;
  const Layout layout{image.width, image.height, 8, color, PNG_FILTER_SUB, 0};
  return encode(layout, {}, bgr,
                [&](int y, std::uint8_t*) { return image.data + y * image.stride_bytes; });
}

std::vector<std::uint8_t> encode_mask_png(const Mask& mask, MaskDepth depth) {
  const auto width = static_cast<std::size_t>(std::max(mask.width, 0));
  LASSO_CHECK(mask.width > 0 && mask.height > 0 &&
                  mask.data.size() == width * static_cast<std::size_t>(mask.height),
              ErrorCode::kInvalidArgument, "a mask of {}x{} has {} values", mask.width, mask.height,
              mask.data.size());
  const bool one_bit = depth == MaskDepth::kOneBit;
  const std::uint8_t inside = one_bit ? 1 : 255;
  const Layout layout{mask.width,          mask.height,   one_bit ? 1 : 8,
                      PNG_COLOR_TYPE_GRAY, PNG_FILTER_UP, width};
  return encode(layout, {}, false, [&](int y, std::uint8_t* scratch) {
    const std::uint8_t* in = mask.data.data() + width * static_cast<std::size_t>(y);
    for (std::size_t x = 0; x < width; ++x) scratch[x] = in[x] != 0 ? inside : 0;
    return scratch;
  });
}

std::vector<std::uint8_t> encode_labelmap_png(const std::vector<std::uint16_t>& labels, int width,
                                              int height) {
  const auto columns = static_cast<std::size_t>(std::max(width, 0));
  LASSO_CHECK(
      width > 0 && height > 0 && labels.size() == columns * static_cast<std::size_t>(height),
      ErrorCode::kInvalidArgument, "a label map of {}x{} has {} values", width, height,
      labels.size());
  const std::size_t most = *std::max_element(labels.begin(), labels.end());
  const bool wide = most > 255;
  std::vector<png_color> palette;
  if (!wide) palette.push_back({0, 0, 0});
  for (std::size_t n = 0; !wide && n < most; ++n) {
    const Rgb color = palette_color(n);
    palette.push_back({color.r, color.g, color.b});
  }
  const Layout layout{width,         height,
                      wide ? 16 : 8, wide ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_PALETTE,
                      PNG_FILTER_UP, columns};
  return encode(layout, palette, false, [&](int y, std::uint8_t* scratch) {
    const std::uint16_t* in = labels.data() + columns * static_cast<std::size_t>(y);
    if (wide) return reinterpret_cast<const std::uint8_t*>(in);
    std::transform(in, in + columns, scratch,
                   [](std::uint16_t label) { return static_cast<std::uint8_t>(label); });
    return static_cast<const std::uint8_t*>(scratch);
  });
}

void write_png(const std::string& path, const ImageView& image) {
  write_bytes(path, encode_png(image));
}

void write_mask_png(const std::string& path, const Mask& mask) {
  write_bytes(path, encode_mask_png(mask));
}

void write_labelmap_png(const std::string& path, const std::vector<std::uint16_t>& labels,
                        int width, int height) {
  write_bytes(path, encode_labelmap_png(labels, width, height));
}

}  // namespace lasso
