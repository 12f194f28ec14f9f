#include "support/image_files.h"

#include <png.h>
#include <zlib.h>

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

// jpeglib.h needs FILE and size_t declared before it.
#include <jpeglib.h>

namespace lasso::test {

std::string make_jpeg(const JpegSpec& spec, const Pixel8& pixel) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  errors.error_exit = [](j_common_ptr) { throw std::runtime_error("libjpeg can't encode"); };
  jpeg_create_compress(&jpeg);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &memory, &size);
  jpeg.image_width = static_cast<JDIMENSION>(spec.width);
  jpeg.image_height = static_cast<JDIMENSION>(spec.height);
  jpeg.input_components = spec.components;
  jpeg.in_color_space = spec.components == 1   ? JCS_GRAYSCALE
                        : spec.components == 3 ? JCS_RGB
                                               : JCS_CMYK;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, spec.quality, TRUE);
  if (spec.ycck) jpeg_set_colorspace(&jpeg, JCS_YCCK);
  if (spec.components == 4) jpeg.write_Adobe_marker = spec.adobe_marker ? TRUE : FALSE;
  if (spec.progressive) jpeg_simple_progression(&jpeg);
  std::vector<jpeg_scan_info> scans;
  if (!spec.interleaved) {
    for (int c = 0; c < spec.components; ++c) scans.push_back({1, {c}, 0, DCTSIZE2 - 1, 0, 0});
    jpeg.scan_info = scans.data();
    jpeg.num_scans = spec.components;
  }
  jpeg.restart_in_rows = spec.restart_rows;
  jpeg_start_compress(&jpeg, TRUE);
  if (!spec.app1.empty()) {
    jpeg_write_marker(&jpeg, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(spec.app1.data()),
                      static_cast<unsigned>(spec.app1.size()));
  }
  std::vector<std::uint8_t> row(static_cast<std::size_t>(spec.width) *
                                static_cast<std::size_t>(spec.components));
  for (int y = 0; y < spec.height; ++y) {
    std::size_t i = 0;
    for (int x = 0; x < spec.width; ++x) {
      for (int c = 0; c < spec.components; ++c) {
        row[i++] = static_cast<std::uint8_t>(pixel(x, y, c));
      }
    }
    JSAMPROW rows = row.data();
    jpeg_write_scanlines(&jpeg, &rows, 1);
  }
  jpeg_finish_compress(&jpeg);
  std::string file(reinterpret_cast<char*>(memory), size);
  jpeg_destroy_compress(&jpeg);
  std::free(memory);
  return file;
}

std::string exif_segment(int orientation, bool big_endian, int type) {
  std::string out("Exif\0\0", 6);
  const auto number = [&](std::uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) {
      const int shift = 8 * (big_endian ? bytes - 1 - i : i);
      out.push_back(static_cast<char>(value >> shift));
    }
  };
  out += big_endian ? "MM" : "II";
  number(42, 2);
  number(8, 4);       // the directory begins after this header
  number(2, 2);       // entries
  number(0x0100, 2);  // ImageWidth, LONG, 1 value
  number(4, 2);
  number(1, 4);
  number(1234, 4);
  number(0x0112, 2);  // Orientation, 1 value, which stands at the left of its 4 bytes
  number(static_cast<std::uint32_t>(type), 2);
  number(1, 4);
  const int bytes = type == 1 || type == 6 ? 1 : type == 3 || type == 8 ? 2 : 4;
  number(static_cast<std::uint32_t>(orientation), bytes);
  if (bytes < 4) number(0, 4 - bytes);
  number(0, 4);  // no further directory
  return out;
}

std::string xmp_segment(const std::string& packet) {
  return std::string("http://ns.adobe.com/xap/1.0/\0", 29) + packet;
}

std::string png_chunk(const std::string& type, const std::string& data) {
  const auto number = [](std::uint32_t value) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(value >> shift));
    return bytes;
  };
  const std::string body = type + data;
  const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(body.data()), body.size());
  return number(static_cast<std::uint32_t>(data.size())) + body +
         number(static_cast<std::uint32_t>(crc));
}

std::string with_chunk(const std::string& png, const std::string& before,
                       const std::string& chunk) {
  return std::string(png).insert(png.find(before) - 4, chunk);
}

std::string raw_profile_chunk(const std::string& type, const std::string& exif) {
  std::string text = "\nexif\n" + std::to_string(exif.size());
  for (std::size_t i = 0; i < exif.size(); ++i) {
    constexpr char kDigits[] = "0123456789abcdef";
    if (i % 36 == 0) text += '\n';
    text += kDigits[static_cast<unsigned char>(exif[i]) >> 4];
    text += kDigits[static_cast<unsigned char>(exif[i]) & 15];
  }
  text += '\n';
  const std::string keyword("Raw profile type exif\0", 22);
  if (type == "tEXt") return png_chunk(type, keyword + text);
  std::string packed(compressBound(text.size()), '\0');
  uLongf size = packed.size();
  compress(reinterpret_cast<Bytef*>(packed.data()), &size,
           reinterpret_cast<const Bytef*>(text.data()), text.size());
  return png_chunk(type, keyword + '\0' + packed.substr(0, size));
}

std::string make_png(const PngSpec& spec, const Sample& sample) {
  std::string file;
  png_structp png = png_create_write_struct(
      PNG_LIBPNG_VER_STRING, nullptr,
      [](png_structp, png_const_charp) { throw std::runtime_error("libpng can't encode"); },
      [](png_structp, png_const_charp) {});
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &file,
      [](png_structp p, png_bytep bytes, std::size_t size) {
        static_cast<std::string*>(png_get_io_ptr(p))->append(reinterpret_cast<char*>(bytes), size);
      },
      nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(spec.width),
               static_cast<png_uint_32>(spec.height), spec.bits, spec.color_type,
               spec.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  std::vector<png_color> palette;
  for (std::size_t i = 0; i + 2 < spec.palette.size(); i += 3) {
    palette.push_back({spec.palette[i], spec.palette[i + 1], spec.palette[i + 2]});
  }
  if (!palette.empty()) png_set_PLTE(png, info, palette.data(), static_cast<int>(palette.size()));
  if (spec.transparency) {
    png_byte alpha = 0;
    png_color_16 value{};
    png_set_tRNS(png, info, &alpha, spec.color_type == 3 ? 1 : 0, &value);
  }
  png_write_info(png, info);

  const int channels = png_get_channels(png, info);
  const auto row_bytes = png_get_rowbytes(png, info);
  std::vector<std::vector<png_byte>> rows;
  for (int y = 0; y < spec.height; ++y) {
    std::vector<png_byte> row(row_bytes);
    for (int x = 0; x < spec.width; ++x) {
      for (int c = 0; c < channels; ++c) {
        const int value = sample(x, y, c);
        const auto bit = (static_cast<std::size_t>(x) * channels + c) * spec.bits;
        if (spec.bits == 16) {
          row[bit / 8] = static_cast<png_byte>(value >> 8);
          row[bit / 8 + 1] = static_cast<png_byte>(value);
        } else {
          const int shift = 8 - spec.bits - static_cast<int>(bit % 8);
          row[bit / 8] = static_cast<png_byte>(row[bit / 8] | value << shift);
        }
      }
    }
    rows.push_back(row);
  }
  std::vector<png_bytep> pointers;
  for (auto& row : rows) pointers.push_back(row.data());
  png_write_image(png, pointers.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return file;
}

}  // namespace lasso::test
