#include "image/encode.h"

#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "core/file.h"
#include "core/threads.h"
#include "image/deflate.h"
#include "image/guard.h"
#include "image/resize.h"

namespace lasso {

namespace {

enum class ColorType : std::uint8_t { kGray = 0, kRgb = 2, kPalette = 3, kRgba = 6 };
enum class Filter : std::uint8_t { kUp = 2, kPaeth = 4 };

struct Layout {
  int width;
  int height;
  int bits;  // per channel
  ColorType color;
  std::size_t row_bytes;
  std::size_t pixel_bytes;  // at least 1
  Filter filter;            // Paeth for pictures; up where most pixels equal the one above
};

void append32(std::uint32_t value, std::string& out) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

const Bytef* bytes_of(std::string_view text) { return reinterpret_cast<const Bytef*>(text.data()); }

// A chunk is its length, its type, its data and the CRC of type and data. `fill` appends the data.
template <typename F>
void append_chunk(std::string_view type, std::string& out, F&& fill) {
  const std::size_t begin = out.size();
  append32(0, out);
  out.append(type);
  fill();
  const std::size_t length = out.size() - begin - 8;
  for (std::size_t i = 0; i < 4; ++i) {
    out[begin + i] = static_cast<char>(length >> (24 - 8 * i));
  }
  const std::string_view summed = std::string_view(out).substr(begin + 4);
  append32(static_cast<std::uint32_t>(crc32_z(0, bytes_of(summed), summed.size())), out);
}

// Paeth's predictor: of left, up and upper left, the one that is nearest to left + up - upper left.
void filter_paeth(const std::uint8_t* row, const std::uint8_t* above, std::size_t size,
                  std::size_t pixel, std::uint8_t* out) {
  for (std::size_t i = 0; i < pixel; ++i) out[i] = static_cast<std::uint8_t>(row[i] - above[i]);
  for (std::size_t i = pixel; i < size; ++i) {
    const auto left = static_cast<std::int16_t>(row[i - pixel]);
    const auto up = static_cast<std::int16_t>(above[i]);
    const auto corner = static_cast<std::int16_t>(above[i - pixel]);
    const auto to_left = static_cast<std::int16_t>(std::abs(up - corner));
    const auto to_up = static_cast<std::int16_t>(std::abs(left - corner));
    const auto to_corner = static_cast<std::int16_t>(std::abs(left + up - 2 * corner));
    const std::int16_t other = to_up <= to_corner ? up : corner;
    const std::int16_t guess = to_left <= to_up && to_left <= to_corner ? left : other;
    out[i] = static_cast<std::uint8_t>(row[i] - guess);
  }
}

void filter_up(const std::uint8_t* row, const std::uint8_t* above, std::size_t size,
               std::uint8_t* out) {
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(row[i] - above[i]);
}

struct Strip {
  std::string chunk;
  std::uint32_t adler = 1;
  std::size_t bytes = 0;  // before compression
};

// Filters and compresses rows [begin, end). raw(y, out) writes the bytes of row y.
template <typename Raw>
Strip make_strip(const Layout& layout, int begin, int end, const Raw& raw) {
  const std::size_t row_bytes = layout.row_bytes;
  std::vector<std::uint8_t> row(row_bytes);
  std::vector<std::uint8_t> above(row_bytes);
  if (begin > 0) raw(begin - 1, above.data());
  Strip strip;
  strip.bytes = (row_bytes + 1) * static_cast<std::size_t>(end - begin);
  std::vector<std::uint8_t> filtered(strip.bytes);
  std::uint8_t* to = filtered.data();
  for (int y = begin; y < end; ++y, to += row_bytes + 1) {
    raw(y, row.data());
    to[0] = static_cast<std::uint8_t>(layout.filter);
    if (layout.filter == Filter::kPaeth) {
      filter_paeth(row.data(), above.data(), row_bytes, layout.pixel_bytes, to + 1);
    } else {
      filter_up(row.data(), above.data(), row_bytes, to + 1);
    }
    row.swap(above);
  }
  strip.adler = static_cast<std::uint32_t>(adler32_z(1, filtered.data(), filtered.size()));
  append_chunk("IDAT", strip.chunk, [&] {
    if (begin == 0) strip.chunk.append("\x78\x01");  // zlib's header: 32 KiB window, fastest
    deflate_part(filtered.data(), filtered.size(), end == layout.height, strip.chunk);
  });
  return strip;
}

template <typename Raw>
std::string encode(const Layout& layout, std::string_view palette, const Raw& raw) {
  constexpr std::size_t kStripBytes = 192 * 1024;
  const int rows =
      static_cast<int>(std::clamp<std::size_t>(kStripBytes / (layout.row_bytes + 1), 1, 1 << 16));
  const int count = (layout.height + rows - 1) / rows;
  std::vector<Strip> strips(static_cast<std::size_t>(count));
  parallel_tasks(count, [&](std::int64_t i) {
    const int begin = static_cast<int>(i) * rows;
    const int end = std::min(begin + rows, layout.height);
    strips[static_cast<std::size_t>(i)] = make_strip(layout, begin, end, raw);
  });

  std::string file("\x89PNG\r\n\x1a\n", 8);
  std::size_t total = 1024 + palette.size();
  for (const Strip& strip : strips) total += strip.chunk.size();
  file.reserve(total);
  append_chunk("IHDR", file, [&] {
    append32(static_cast<std::uint32_t>(layout.width), file);
    append32(static_cast<std::uint32_t>(layout.height), file);
    file.push_back(static_cast<char>(layout.bits));
    file.push_back(static_cast<char>(layout.color));
    file.append(3, '\0');  // deflate, the standard filters, not interlaced
  });
  if (!palette.empty()) append_chunk("PLTE", file, [&] { file.append(palette); });
  uLong adler = 1;
  for (const Strip& strip : strips) {
    file.append(strip.chunk);
    adler = adler32_combine(adler, strip.adler, static_cast<z_off_t>(strip.bytes));
  }
  append_chunk("IDAT", file, [&] { append32(static_cast<std::uint32_t>(adler), file); });
  append_chunk("IEND", file, [] {});
  return file;
}

void pack_bits(const std::uint8_t* mask, std::size_t width, std::uint8_t* out) {
  std::size_t x = 0;
  for (; x + 8 <= width; x += 8) {
    std::uint64_t eight;
    std::memcpy(&eight, mask + x, 8);
    // Bytes are 0 or 1: the product moves byte k to bit 63 - k.
    out[x / 8] = static_cast<std::uint8_t>(eight * 0x8040201008040201ull >> 56);
  }
  if (x == width) return;
  out[x / 8] = 0;
  for (std::size_t i = 0; x + i < width; ++i) {
    out[x / 8] = static_cast<std::uint8_t>(out[x / 8] | mask[x + i] << (7 - i));
  }
}

}  // namespace

std::string encode_png(const ImageView& image) {
  check_view(image);
  const auto width = static_cast<std::size_t>(image.width);
  const auto bytes = static_cast<std::size_t>(channels(image.format));
  const bool swap = image.format == PixelFormat::kBgr || image.format == PixelFormat::kBgra;
  const ColorType color = bytes == 1   ? ColorType::kGray
                          : bytes == 3 ? ColorType::kRgb
                                       : ColorType::kRgba;
  const Layout layout{image.width, image.height, 8, color, width * bytes, bytes, Filter::kPaeth};
  return guard_memory("a PNG", [&] {
    return encode(layout, {}, [&](int y, std::uint8_t* out) {
      const std::uint8_t* in = image.data + y * image.stride_bytes;
      std::memcpy(out, in, width * bytes);
      if (!swap) return;
      for (std::size_t i = 0; i < width * bytes; i += bytes) std::swap(out[i], out[i + 2]);
    });
  });
}

std::string encode_mask_png(const Mask& mask, MaskDepth depth) {
  const auto width = static_cast<std::size_t>(std::max(mask.width, 0));
  LASSO_CHECK(mask.width > 0 && mask.height > 0 &&
                  mask.data.size() == width * static_cast<std::size_t>(mask.height),
              ErrorCode::kInvalidArgument, "a mask of {}x{} has {} values", mask.width, mask.height,
              mask.data.size());
  const bool one_bit = depth == MaskDepth::kOneBit;
  const Layout layout{
      mask.width, mask.height, one_bit ? 1 : 8, ColorType::kGray, one_bit ? (width + 7) / 8 : width,
      1,          Filter::kUp};
  return guard_memory("a PNG", [&] {
    return encode(layout, {}, [&](int y, std::uint8_t* out) {
      const std::uint8_t* in = mask.data.data() + width * static_cast<std::size_t>(y);
      if (one_bit) return pack_bits(in, width, out);
      for (std::size_t x = 0; x < width; ++x) out[x] = in[x] != 0 ? 255 : 0;
    });
  });
}

std::string encode_labelmap_png(const std::vector<std::uint16_t>& labels, int width, int height) {
  const auto columns = static_cast<std::size_t>(std::max(width, 0));
  LASSO_CHECK(
      width > 0 && height > 0 && labels.size() == columns * static_cast<std::size_t>(height),
      ErrorCode::kInvalidArgument, "a label map of {}x{} has {} values", width, height,
      labels.size());
  const std::uint16_t most = *std::max_element(labels.begin(), labels.end());
  const bool wide = most > 255;
  const Layout layout{width,
                      height,
                      wide ? 16 : 8,
                      wide ? ColorType::kGray : ColorType::kPalette,
                      columns * (wide ? 2 : 1),
                      std::size_t{wide ? 2u : 1u},
                      Filter::kUp};
  return guard_memory("a PNG", [&] {
    std::string palette;
    if (!wide) {
      palette.append(3, '\0');
      for (std::size_t n = 0; n < most; ++n) {
        const Rgb color = palette_color(n);
        for (const std::uint8_t c : {color.r, color.g, color.b}) {
          palette.push_back(static_cast<char>(c));
        }
      }
    }
    return encode(layout, palette, [&](int y, std::uint8_t* out) {
      const std::uint16_t* in = labels.data() + columns * static_cast<std::size_t>(y);
      for (std::size_t x = 0; x < columns; ++x) {
        if (wide) {
          out[2 * x] = static_cast<std::uint8_t>(in[x] >> 8);
          out[2 * x + 1] = static_cast<std::uint8_t>(in[x]);
        } else {
          out[x] = static_cast<std::uint8_t>(in[x]);
        }
      }
    });
  });
}

void write_png(const std::string& path, const ImageView& image) {
  write_file(path, encode_png(image));
}

}  // namespace lasso
