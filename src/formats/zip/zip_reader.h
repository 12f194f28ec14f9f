// The directory of a zip archive, and where its entries lie. Nothing is unpacked or copied.
#ifndef LASSO_FORMATS_ZIP_ZIP_READER_H_
#define LASSO_FORMATS_ZIP_ZIP_READER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/file.h"

namespace lasso {

constexpr std::uint16_t kZipStored = 0;
constexpr std::uint16_t kZipDeflated = 8;

struct ZipEntry {
  std::string name;
  std::uint16_t method = kZipStored;
  std::uint32_t crc32 = 0;        // of the unpacked bytes, as the directory says
  std::size_t packed_size = 0;    // in the file
  std::size_t size = 0;           // unpacked; equal to packed_size for stored entries
  std::size_t header_offset = 0;  // of the local header
  std::size_t offset = 0;         // of the data
};

// Reads the central directory (zip64 included) and every local header. What it accepts is checked
// in full: entries lie before the directory, do not overlap, have different names, and say the same
// in both places. Throws kCorruptFile for archives that break these rules, kUnsupported for
// encrypted and multi-volume ones.
class ZipArchive {
 public:
  // The bytes must outlive the archive; `name` stands in error messages.
  ZipArchive(const std::byte* data, std::size_t size, std::string name);

  const std::string& name() const { return name_; }
  const std::vector<ZipEntry>& entries() const { return entries_; }
  const ZipEntry* find(std::string_view name) const;  // null if there is none
  // The entry's bytes as they lie in the file.
  const std::byte* data(const ZipEntry& entry) const { return data_ + entry.offset; }

 private:
  struct Directory {
    std::uint64_t count = 0;
    std::uint64_t size = 0;
    std::uint64_t offset = 0;
  };

  Directory find_directory() const;
  Directory read_zip64_directory(std::size_t end_record) const;
  ZipEntry read_entry(ByteReader& reader, std::size_t directory_offset) const;
  void locate(ZipEntry* entry, std::uint16_t flags, std::size_t directory_offset) const;
  void check_overlaps() const;

  const std::byte* data_;
  std::size_t size_;
  std::string name_;
  std::vector<ZipEntry> entries_;
  std::unordered_map<std::string, std::size_t> index_;
};

}  // namespace lasso

#endif  // LASSO_FORMATS_ZIP_ZIP_READER_H_
