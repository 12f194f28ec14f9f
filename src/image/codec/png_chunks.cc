#include "image/codec/png_chunks.h"

#include <zlib.h>

#include <algorithm>
#include <cstdint>

#include "image/codec/codecs.h"

namespace lasso {

namespace {

constexpr std::size_t kSignatureBytes = 8;
constexpr std::size_t kHeaderBytes = 8;  // of a chunk: length and type
constexpr std::size_t kCrcBytes = 4;
// Of a text that is unpacked: EXIF has at most 64 KiB, twice that in hexadecimal digits.
constexpr std::size_t kMostText = std::size_t{1} << 20;

std::uint32_t read32(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char c : bytes.substr(0, 4)) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

std::string word(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
  return bytes;
}

std::uint32_t crc_of(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

std::string chunk(std::string_view type, std::string_view data) {
  const std::string body = std::string(type) + std::string(data);
  return word(static_cast<std::uint32_t>(data.size())) + body + word(crc_of(body));
}

// Takes the text before the next zero off, and the zero; all of it where there is none.
std::string_view take_word(std::string_view* bytes) {
  const std::string_view taken = bytes->substr(0, bytes->find('\0'));
  bytes->remove_prefix(std::min(taken.size() + 1, bytes->size()));
  return taken;
}

// At most kMostText of the unpacked bytes; what was unpacked before an error.
std::string unpack(std::string_view packed) {
  std::string text(std::min(kMostText, 64 + packed.size() * 1032), '\0');
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) return "";
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  inflate(&stream, Z_FINISH);
  text.resize(text.size() - stream.avail_out);
  inflateEnd(&stream);
  return text;
}

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// The bytes of ImageMagick's "raw profile": an empty line, a name, a length, and then lines of
// hexadecimal digits.
std::string raw_profile(std::string_view text) {
  for (int line = 0; line < 3; ++line) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return "";
    text.remove_prefix(end + 1);
  }
  std::string bytes;
  int high = -1;
  for (const char c : text) {
    const int digit = digit_value(c);
    if (digit < 0) continue;
    if (high >= 0) bytes += static_cast<char>(high * 16 + digit);
    high = high >= 0 ? -1 : digit;
  }
  return bytes;
}

// Gathers what the chunks say about the orientation. The first chunk of a kind counts.
class Notes {
 public:
  void add(std::string_view type, std::string_view data) {
    if (type == "eXIf") {
      if (!exif_) exif_ = exif_orientation(data);
      return;
    }
    if (type != "tEXt" && type != "zTXt" && type != "iTXt") return;
    const std::string_view keyword = take_word(&data);
    if (keyword == "Raw profile type exif" && !profile_seen_) {
      profile_seen_ = true;
      profile_ = exif_orientation(raw_profile(text_of(type, data)));
    } else if (keyword == "XML:com.adobe.xmp" && !xmp_seen_) {
      xmp_seen_ = true;
      xmp_ = xmp_orientation(text_of(type, data));
    }
  }

  std::optional<int> orientation() const { return exif_ ? exif_ : profile_ ? profile_ : xmp_; }

 private:
  // What follows the keyword and the zero.
  static std::string text_of(std::string_view type, std::string_view data) {
    if (type == "tEXt") return std::string(data);
    bool packed = true;
    if (type == "iTXt") {
      if (data.size() < 2) return "";
      packed = data[0] != '\0';
      data.remove_prefix(1);
    }
    if (data.empty() || (packed && data[0] != '\0')) return "";  // an unknown method
    data.remove_prefix(1);
    if (type == "iTXt") {
      take_word(&data);  // the language
      take_word(&data);  // the keyword in that language
    }
    return packed ? unpack(data) : std::string(data);
  }

  std::optional<int> exif_;
  std::optional<int> profile_;
  std::optional<int> xmp_;
  bool profile_seen_ = false;
  bool xmp_seen_ = false;
};

}  // namespace

PngChunks read_png_chunks(std::string_view file) {
  PngChunks result;
  Notes notes;
  bool pixels_seen = false;
  bool pixels_last = false;
  std::size_t at = std::min(kSignatureBytes, file.size());
  while (!result.complete && file.size() - at >= kHeaderBytes) {
    const std::size_t length = read32(file.substr(at));
    const std::string_view type = file.substr(at + 4, 4);
    const std::size_t left = file.size() - at - kHeaderBytes;
    if (left < length + kCrcBytes) {
      if (type == "IDAT") {
        result.cut_in_pixels = true;
        result.rest = chunk(type, file.substr(at + kHeaderBytes, length));
      }
      break;
    }
    const bool pixels = type == "IDAT";
    // The decoder finds damage in the pixels itself, and says what it thinks of damage before them.
    const std::string_view body = file.substr(at + 4, 4 + length);
    const bool intact = pixels || read32(file.substr(at + kHeaderBytes + length)) == crc_of(body);
    if (pixels_seen && !intact) break;
    if (intact) notes.add(type, body.substr(4));
    result.complete = type == "IEND" && intact;
    pixels_seen |= pixels;
    pixels_last = pixels;
    at += kHeaderBytes + length + kCrcBytes;
  }
  // A file that ends between two chunks of pixels ends in its pixels, too.
  if (!result.complete && pixels_last && file.size() - at < kHeaderBytes) {
    result.cut_in_pixels = true;
  }
  result.whole = at;
  if (!result.complete) result.rest += chunk("IEND", "");
  result.orientation = notes.orientation();
  return result;
}

}  // namespace lasso
