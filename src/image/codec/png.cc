#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/check.h"
#include "image/codec/codecs.h"
#include "image/codec/png_chunks.h"
#include "image/value_range.h"

namespace lasso {

namespace {

// libpng reports through a jump; the functions that it may leave (start, read_rows, read_wide_rows)
// hold nothing that has a destructor.
struct Decoder {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::jmp_buf escape{};
  std::string_view parts[2];  // of the file, one after another
  char message[256] = {};

  Decoder(std::string_view first, std::string_view second) : parts{first, second} {
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
    for (std::string_view& part : decoder->parts) {
      const std::size_t some = std::min(bytes, part.size());
      std::memcpy(out, part.data(), some);
      part.remove_prefix(some);
      out += some;
      bytes -= some;
    }
    if (bytes > 0) png_error(png, "it ends too early");
  }

  // libpng looks at what follows the last row's data only after it has handed that row over.
  bool has_all_rows() const {
    constexpr int kPasses = 7;
    return png_get_interlace_type(png, info) == PNG_INTERLACE_NONE
               ? png_get_current_row_number(png) >= png_get_image_height(png, info)
               : png_get_current_pass_number(png) >= kPasses;
  }
};

// Reads up to the pixels.
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

// Sets all kinds of PNG to come out as RGB, of 8 bits or 16. Colours are not changed for
// transparency or gamma. Returns how often each row is to be read.
int set_rgb(Decoder& d, std::size_t row_bytes) {
  png_set_expand(d.png);
  png_set_strip_alpha(d.png);
  png_set_gray_to_rgb(d.png);
  const int passes = png_set_interlace_handling(d.png);
  png_read_update_info(d.png, d.info);
  if (png_get_rowbytes(d.png, d.info) != row_bytes) png_error(d.png, "unexpected row size");
  return passes;
}

bool read_rows(Decoder& d, std::uint8_t* out, std::size_t stride, std::uint32_t height) {
  if (setjmp(d.escape) != 0) return false;
  const int passes = set_rgb(d, stride);
  for (int pass = 0; pass < passes; ++pass) {
    for (std::uint32_t y = 0; y < height; ++y) png_read_row(d.png, out + stride * y, nullptr);
  }
  return true;
}

// What 16 bits become, the upper byte first.
struct Narrowing {
  const std::vector<std::uint8_t>& table;
  FileValues values;

  void operator()(const std::uint8_t* samples, std::size_t count, std::uint8_t* out) {
    for (std::size_t i = 0; i < count; ++i) {
      const int value = samples[2 * i] << 8 | samples[2 * i + 1];
      values.add(value);
      out[i] = table[static_cast<std::size_t>(value)];
    }
  }
};

// Each row goes through `row` to its place, but the last one, which is left in `row`.
bool read_wide_rows(Decoder& d, std::uint8_t* row, std::size_t stride, std::uint32_t height,
                    Narrowing& narrow, std::uint8_t* out) {
  if (setjmp(d.escape) != 0) return false;
  set_rgb(d, stride);
  for (std::uint32_t y = 0; y < height; ++y) {
    png_read_row(d.png, row, nullptr);
    if (y + 1 < height) narrow(row, stride / 2, out + stride / 2 * y);
  }
  return true;
}

class PngFile {
 public:
  PngFile(std::string_view file, const std::string& name, const ReadImageOptions& options)
      : name_(name),
        options_(options),
        chunks_(read_png_chunks(file)),
        decoder_(file.substr(0, chunks_.whole), chunks_.rest) {}

  Decoded decode() {
    LASSO_CHECK(decoder_.info != nullptr, ErrorCode::kOutOfMemory,
                "{}: no memory to decode the PNG", name_);
    if (!start(decoder_)) report();
    const std::uint32_t width = png_get_image_width(decoder_.png, decoder_.info);
    const std::uint32_t height = png_get_image_height(decoder_.png, decoder_.info);
    Decoded result;
    result.image = allocate_rgb(width, height, name_, options_);
    if (png_get_bit_depth(decoder_.png, decoder_.info) == 16) {
      decode_wide(&result);
    } else {
      check(read_rows(decoder_, result.image.pixels.data(), std::size_t{3} * width, height));
    }
    result.image = apply_orientation(std::move(result.image), chunks_.orientation.value_or(1));
    if (!chunks_.complete) {
      result.remark = "the end of the PNG (IEND) is missing or damaged; all rows are there";
    }
    return result;
  }

 private:
  // Of 16 bits the upper 8 are kept, as Pillow and OpenCV do, unless a range is given.
  void decode_wide(Decoded* result) {
    const auto width = static_cast<std::size_t>(result->image.width);
    const auto height = static_cast<std::size_t>(result->image.height);
    std::uint8_t* out = result->image.pixels.data();
    const std::vector<std::uint8_t> table = value_table(
        65536, options_.range, [](int value) { return static_cast<std::uint8_t>(value >> 8); });
    Narrowing narrow{table, {}};
    narrow.values.most = 65535;
    const std::size_t stride = 6 * width;
    // The passes of an interlaced image need all of its rows at once.
    const bool interlaced =
        png_get_interlace_type(decoder_.png, decoder_.info) != PNG_INTERLACE_NONE;
    std::vector<std::uint8_t> rows(interlaced ? stride * height : stride);
    if (interlaced) {
      check(read_rows(decoder_, rows.data(), stride, static_cast<std::uint32_t>(height)));
      narrow(rows.data(), 3 * width * height, out);
    } else {
      check(read_wide_rows(decoder_, rows.data(), stride, static_cast<std::uint32_t>(height),
                           narrow, out));
      narrow(rows.data(), 3 * width, out + 3 * width * (height - 1));
    }
    result->values = narrow.values;
  }

  // Where the file ends behind the last row's data, the decoder may miss nothing but a checksum.
  void check(bool done) const {
    if (!done && !(chunks_.cut_in_pixels && decoder_.has_all_rows())) report();
  }

  [[noreturn]] void report() const {
    fail(ErrorCode::kCorruptFile, "{}: the PNG is {} ({})", name_,
         chunks_.complete ? "damaged" : "truncated", decoder_.message);
  }

  const std::string& name_;
  const ReadImageOptions& options_;
  PngChunks chunks_;
  Decoder decoder_;
};

}  // namespace

Decoded decode_png(const std::uint8_t* data, std::size_t size, const std::string& name,
                   const ReadImageOptions& options) {
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  return PngFile(file, name, options).decode();
}

}  // namespace lasso
