#include <algorithm>
#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// jpeglib.h needs FILE and size_t declared before it.
#include <jpeglib.h>
// jerror.h comes after it.
#include <jerror.h>

#include "core/check.h"
#include "image/codec/codecs.h"

namespace lasso {

namespace {

// The limits for a progressive file: every scan may touch every pixel while it takes few bytes
// itself. Real ones have about ten.
constexpr int kMostScans = 500;
constexpr std::int64_t kMostScanPixels = 4'000'000'000;

// libjpeg reports by calling back. A jump, not an exception, crosses its C frames: the functions
// that it may leave (start, read_rows) hold nothing that has a destructor.
struct Decoder {
  jpeg_decompress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf escape{};
  int error = 0;  // libjpeg's code of the message
  bool rows_begun = false;
  bool end_missing = false;  // the file ended where libjpeg looked for more
  char message[JMSG_LENGTH_MAX] = {};

  Decoder() {
    jpeg.err = jpeg_std_error(&errors);
    jpeg.client_data = this;
    errors.error_exit = [](j_common_ptr info) { of(info).leave(info); };
    errors.emit_message = warn;
    errors.output_message = [](j_common_ptr) {};
    progress.progress_monitor = limit_scans;
  }
  ~Decoder() { jpeg_destroy_decompress(&jpeg); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  static Decoder& of(j_common_ptr info) { return *static_cast<Decoder*>(info->client_data); }

  [[noreturn]] void leave(j_common_ptr info) {
    error = errors.msg_code;
    errors.format_message(info, message);
    std::longjmp(escape, 1);
  }

  // Warnings that say that pixels are missing or wrong are errors; the others are remarks. A file
  // that ends early is one: if libjpeg then misses bits of a pixel, it warns again.
  static void warn(j_common_ptr info, int level) {
    if (level >= 0) return;
    switch (info->err->msg_code) {
      case JWRN_JPEG_EOF:
        if (!of(info).rows_begun) of(info).leave(info);
        of(info).end_missing = true;
        return;
      case JWRN_EXTRANEOUS_DATA:
      case JWRN_ADOBE_XFORM:
      case JWRN_JFIF_MAJOR:
      case JWRN_TOO_MUCH_DATA:
      case JWRN_BOGUS_ICC:
        return;
      default:
        of(info).leave(info);
    }
  }

  static void limit_scans(j_common_ptr info) {
    if (!info->is_decompressor) return;
    const auto* jpeg = reinterpret_cast<j_decompress_ptr>(info);
    const std::int64_t work = std::int64_t{jpeg->input_scan_number} * jpeg->image_width *
                              static_cast<std::int64_t>(jpeg->image_height);
    if (jpeg->input_scan_number <= kMostScans && work <= kMostScanPixels) return;
    Decoder& decoder = of(info);
    decoder.error = JERR_BAD_PROGRESSION;
    std::snprintf(decoder.message, sizeof(decoder.message), "it has too many scans (%d so far)",
                  jpeg->input_scan_number);
    std::longjmp(decoder.escape, 1);
  }
};

bool start(Decoder& decoder, const std::uint8_t* data, std::size_t size) {
  if (setjmp(decoder.escape) != 0) return false;
  jpeg_create_decompress(&decoder.jpeg);
  decoder.jpeg.client_data = &decoder;
  decoder.jpeg.progress = &decoder.progress;
  jpeg_mem_src(&decoder.jpeg, data, static_cast<unsigned long>(size));
  jpeg_save_markers(&decoder.jpeg, JPEG_APP0 + 1, 0xffff);
  jpeg_read_header(&decoder.jpeg, TRUE);
  const bool cmyk = decoder.jpeg.num_components == 4;
  decoder.jpeg.out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
  return true;
}

// Whether everything that the frame announces has come, in a file that ended without saying so.
// libjpeg misses no bits where whole scans are missing, and arithmetic decoding never does.
bool is_whole(const jpeg_decompress_struct& jpeg) {
  if (jpeg.arith_code) return false;
  for (int c = 0; c < jpeg.num_components; ++c) {
    // Saved when the first scan with the component begins.
    if (jpeg.comp_info[c].quant_table == nullptr) return false;
    if (!jpeg.progressive_mode || jpeg.coef_bits == nullptr) continue;
    // 0: the coefficient is known to its last bit.
    const int* bits = jpeg.coef_bits[c];
    if (std::any_of(bits, bits + DCTSIZE2, [](int left) { return left != 0; })) return false;
  }
  return true;
}

std::uint8_t multiply(int a, int b) {  // a * b / 255, rounded
  const int t = a * b + 128;
  return static_cast<std::uint8_t>((t + (t >> 8)) >> 8);
}

// Adobe's programs, and so nearly everybody, store CMYK inverted: 255 is no ink. Pillow and OpenCV
// take it so with and without Adobe's marker.
void cmyk_to_rgb(const std::uint8_t* in, std::size_t width, std::uint8_t* out) {
  for (std::size_t x = 0; x < width; ++x, in += 4, out += 3) {
    for (int c = 0; c < 3; ++c) out[c] = multiply(in[c], in[3]);
  }
}

// `cmyk` holds one row if the image has four components, and is null otherwise.
bool read_rows(Decoder& decoder, std::uint8_t* out, std::uint8_t* cmyk) {
  if (setjmp(decoder.escape) != 0) return false;
  jpeg_decompress_struct& jpeg = decoder.jpeg;
  decoder.rows_begun = true;
  jpeg_start_decompress(&jpeg);
  const std::size_t stride = std::size_t{3} * jpeg.output_width;
  while (jpeg.output_scanline < jpeg.output_height) {
    if (cmyk != nullptr) {
      std::uint8_t* row = out + stride * jpeg.output_scanline;
      jpeg_read_scanlines(&jpeg, &cmyk, 1);
      cmyk_to_rgb(cmyk, jpeg.output_width, row);
      continue;
    }
    // A few rows at a time: libjpeg makes two at once of subsampled colour.
    JSAMPROW rows[8];
    const auto left = static_cast<int>(jpeg.output_height - jpeg.output_scanline);
    const int count = std::min(left, 8);
    for (int i = 0; i < count; ++i) {
      rows[i] = out + stride * (jpeg.output_scanline + static_cast<std::size_t>(i));
    }
    jpeg_read_scanlines(&jpeg, rows, static_cast<JDIMENSION>(count));
  }
  // The component and scan tables are looked at before they are freed.
  const bool whole = is_whole(jpeg);
  jpeg_finish_decompress(&jpeg);
  if (decoder.end_missing && !whole) ERREXIT(&jpeg, JERR_INPUT_EOF);
  return true;
}

[[noreturn]] void report(const Decoder& decoder, const std::string& name) {
  switch (decoder.error) {
    case JERR_OUT_OF_MEMORY:
      fail(ErrorCode::kOutOfMemory, "{}: no memory to decode the JPEG", name);
    case JERR_BAD_PRECISION:
    case JERR_SOF_UNSUPPORTED:
    case JERR_ARITH_NOTIMPL:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_COMPONENT_COUNT:
      fail(ErrorCode::kUnsupported,
           "{}: this kind of JPEG is not supported ({}): convert it to baseline "
           "JPEG or PNG",
           name, decoder.message);
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER:
    case JERR_INPUT_EOF:
    case JERR_INPUT_EMPTY:
      fail(ErrorCode::kCorruptFile, "{}: the JPEG is truncated ({})", name, decoder.message);
    default:
      fail(ErrorCode::kCorruptFile, "{}: the JPEG is damaged ({})", name, decoder.message);
  }
}

int orientation(const jpeg_decompress_struct& jpeg) {
  constexpr std::string_view kExif("Exif\0\0", 6);
  constexpr std::string_view kXmp("http://ns.adobe.com/xap/1.0/\0", 29);
  std::optional<int> exif;
  std::optional<int> xmp;
  for (const jpeg_marker_struct* m = jpeg.marker_list; m != nullptr; m = m->next) {
    const std::string_view segment(reinterpret_cast<const char*>(m->data), m->data_length);
    if (!exif && segment.substr(0, kExif.size()) == kExif) exif = exif_orientation(segment);
    if (!xmp && segment.substr(0, kXmp.size()) == kXmp) xmp = xmp_orientation(segment);
  }
  return exif ? *exif : xmp.value_or(1);
}

}  // namespace

Decoded decode_jpeg(const std::uint8_t* data, std::size_t size, const std::string& name,
                    const ReadImageOptions& options) {
  Decoder decoder;
  if (!start(decoder, data, size)) report(decoder, name);
  const jpeg_decompress_struct& jpeg = decoder.jpeg;
  Image image = allocate_rgb(jpeg.image_width, jpeg.image_height, name, options);
  const int turn = orientation(jpeg);
  std::vector<std::uint8_t> cmyk;
  if (jpeg.num_components == 4) cmyk.resize(std::size_t{4} * jpeg.image_width);
  if (!read_rows(decoder, image.pixels.data(), cmyk.empty() ? nullptr : cmyk.data())) {
    report(decoder, name);
  }
  Decoded result;
  result.image = apply_orientation(std::move(image), turn);
  if (decoder.end_missing) {
    result.remark = "the end of the JPEG (EOI) is missing; all rows are there";
  }
  return result;
}

}  // namespace lasso
