#include "formats/zip/zip_reader.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "formats/text.h"
#include "formats/zip/zip_records.h"

namespace lasso {

using namespace zip_record;  // NOLINT(google-build-using-namespace)

namespace {

constexpr std::size_t kMaxComment = 0xffff;
constexpr std::uint64_t kMaxEntries = 1'000'000;
constexpr std::size_t kMaxNameBytes = 4096;
constexpr std::uint16_t kEncrypted = 1U << 0U;
constexpr std::uint16_t kHasDescriptor = 1U << 3U;  // sizes may follow the data

// The payload of the zip64 field among the extra fields.
std::optional<ByteReader> zip64_extra(const std::byte* extra, std::size_t bytes,
                                      const std::string& name) {
  ByteReader reader(extra, bytes, name);
  while (reader.remaining() >= 4) {
    const auto id = reader.read<std::uint16_t>();
    const auto size = reader.read<std::uint16_t>();
    // Some writers pad with bytes that are no field; only a field that fits counts.
    if (size > reader.remaining()) return std::nullopt;
    const std::byte* payload = reader.take(size);
    if (id == kZip64Extra) return ByteReader(payload, size, name);
  }
  return std::nullopt;
}

}  // namespace

ZipArchive::ZipArchive(const std::byte* data, std::size_t size, std::string name)
    : data_(data), size_(size), name_(std::move(name)) {
  const Directory directory = find_directory();
  const auto offset = static_cast<std::size_t>(directory.offset);
  ByteReader reader(data_ + offset, static_cast<std::size_t>(directory.size), name_);
  entries_.reserve(static_cast<std::size_t>(directory.count));
  for (std::uint64_t i = 0; i < directory.count; ++i) {
    entries_.push_back(read_entry(reader, offset));
    const bool added = index_.emplace(entries_.back().name, entries_.size() - 1).second;
    LASSO_CHECK(added, ErrorCode::kCorruptFile, "{}: two zip entries are named {}", name_,
                printable(entries_.back().name));
  }
  LASSO_CHECK(reader.remaining() == 0, ErrorCode::kCorruptFile,
              "{}: the zip directory has {} bytes after its {} entries", name_, reader.remaining(),
              directory.count);
  check_overlaps();
}

const ZipEntry* ZipArchive::find(std::string_view name) const {
  const auto found = index_.find(std::string(name));
  return found == index_.end() ? nullptr : &entries_[found->second];
}

// The end record is the last thing in the file; a comment of up to 65,535 bytes may follow it.
ZipArchive::Directory ZipArchive::find_directory() const {
  LASSO_CHECK(size_ >= kEndRecordBytes, ErrorCode::kCorruptFile,
              "{}: {} bytes are too few for a zip archive", name_, size_);
  const std::size_t last = size_ - kEndRecordBytes;
  const std::size_t first = last - std::min(last, kMaxComment);
  ByteReader reader(data_, size_, name_);
  for (std::size_t position = last + 1; position-- > first;) {
    reader.seek(position);
    if (reader.read<std::uint32_t>() != kEndSignature) continue;
    const auto disk = reader.read<std::uint16_t>();
    const auto directory_disk = reader.read<std::uint16_t>();
    const auto count_here = reader.read<std::uint16_t>();
    const auto count = reader.read<std::uint16_t>();
    const auto bytes = reader.read<std::uint32_t>();
    const auto offset = reader.read<std::uint32_t>();
    const auto comment = reader.read<std::uint16_t>();
    if (comment != reader.remaining()) continue;
    Directory directory{count, bytes, offset};
    std::size_t limit = position;
    if (count == kMaxU16 || bytes == kMaxU32 || offset == kMaxU32) {
      const Directory wide = read_zip64_directory(position);
      LASSO_CHECK(
          (count == kMaxU16 || count == wide.count) && (bytes == kMaxU32 || bytes == wide.size) &&
              (offset == kMaxU32 || offset == wide.offset),
          ErrorCode::kCorruptFile, "{}: its two zip end records contradict each other", name_);
      directory = wide;
      limit = position - kZip64LocatorBytes - kZip64EndRecordBytes;
    } else {
      LASSO_CHECK(disk == 0 && directory_disk == 0 && count_here == count, ErrorCode::kUnsupported,
                  "{}: part of a zip archive of several volumes; join them first", name_);
    }
    LASSO_CHECK(directory.offset <= limit && directory.size <= limit - directory.offset,
                ErrorCode::kCorruptFile,
                "{}: its zip directory of {} bytes at {} lies outside the file's {} bytes", name_,
                directory.size, directory.offset, size_);
    LASSO_CHECK(
        directory.count <= directory.size / kCentralHeaderBytes && directory.count <= kMaxEntries,
        ErrorCode::kCorruptFile, "{}: its zip directory of {} bytes claims {} entries", name_,
        directory.size, directory.count);
    return directory;
  }
  fail(ErrorCode::kCorruptFile,
       "{}: the zip archive has no end record: the file is cut off or damaged; copy or download it "
       "again",
       name_);
}

ZipArchive::Directory ZipArchive::read_zip64_directory(std::size_t end_record) const {
  LASSO_CHECK(end_record >= kZip64LocatorBytes + kZip64EndRecordBytes, ErrorCode::kCorruptFile,
              "{}: its zip64 end record is missing", name_);
  ByteReader reader(data_, size_, name_);
  reader.seek(end_record - kZip64LocatorBytes);
  const bool has_locator = reader.read<std::uint32_t>() == kZip64LocatorSignature;
  const auto record_disk = reader.read<std::uint32_t>();
  const auto record = reader.read<std::uint64_t>();
  const auto disks = reader.read<std::uint32_t>();
  LASSO_CHECK(has_locator && record_disk == 0 && disks <= 1 &&
                  record <= end_record - kZip64LocatorBytes - kZip64EndRecordBytes,
              ErrorCode::kCorruptFile, "{}: its zip64 end record is missing", name_);
  reader.seek(static_cast<std::size_t>(record));
  const bool is_record = reader.read<std::uint32_t>() == kZip64EndSignature;
  const auto record_bytes = reader.read<std::uint64_t>();
  reader.take(4);  // versions
  const auto disk = reader.read<std::uint32_t>();
  const auto directory_disk = reader.read<std::uint32_t>();
  const auto count_here = reader.read<std::uint64_t>();
  Directory directory;
  directory.count = reader.read<std::uint64_t>();
  directory.size = reader.read<std::uint64_t>();
  directory.offset = reader.read<std::uint64_t>();
  LASSO_CHECK(is_record && record_bytes >= kZip64EndRecordBytes - 12 && disk == 0 &&
                  directory_disk == 0 && count_here == directory.count,
              ErrorCode::kCorruptFile, "{}: its zip64 end record is damaged", name_);
  LASSO_CHECK(directory.offset <= record && directory.size <= record - directory.offset,
              ErrorCode::kCorruptFile,
              "{}: its zip directory of {} bytes at {} lies outside the file's {} bytes", name_,
              directory.size, directory.offset, size_);
  return directory;
}

ZipEntry ZipArchive::read_entry(ByteReader& reader, std::size_t directory_offset) const {
  LASSO_CHECK(reader.read<std::uint32_t>() == kCentralSignature, ErrorCode::kCorruptFile,
              "{}: entry {} of its zip directory is damaged", name_, entries_.size());
  ZipEntry entry;
  reader.take(4);  // versions
  const auto flags = reader.read<std::uint16_t>();
  entry.method = reader.read<std::uint16_t>();
  reader.take(4);  // time and date
  entry.crc32 = reader.read<std::uint32_t>();
  std::uint64_t packed = reader.read<std::uint32_t>();
  std::uint64_t size = reader.read<std::uint32_t>();
  const auto name_bytes = reader.read<std::uint16_t>();
  const auto extra_bytes = reader.read<std::uint16_t>();
  const auto comment_bytes = reader.read<std::uint16_t>();
  const auto disk = reader.read<std::uint16_t>();
  reader.take(6);  // attributes
  std::uint64_t header = reader.read<std::uint32_t>();
  const std::string_view name = reader.text(name_bytes);
  const std::byte* extra = reader.take(extra_bytes);
  reader.take(comment_bytes);

  LASSO_CHECK(!name.empty() && name.size() <= kMaxNameBytes && name.find('\0') == name.npos,
              ErrorCode::kCorruptFile, "{}: entry {} of its zip directory has a bad name", name_,
              entries_.size());
  entry.name = name;
  LASSO_CHECK((flags & kEncrypted) == 0, ErrorCode::kUnsupported,
              "{}: zip entry {} is encrypted; unpack the archive first", name_, printable(name));
  if (packed == kMaxU32 || size == kMaxU32 || header == kMaxU32) {
    auto wide = zip64_extra(extra, extra_bytes, name_);
    const std::size_t needed =
        (size == kMaxU32 ? 8U : 0U) + (packed == kMaxU32 ? 8U : 0U) + (header == kMaxU32 ? 8U : 0U);
    LASSO_CHECK(wide && wide->remaining() >= needed, ErrorCode::kCorruptFile,
                "{}: zip entry {} lacks its zip64 sizes", name_, printable(name));
    if (size == kMaxU32) size = wide->read<std::uint64_t>();
    if (packed == kMaxU32) packed = wide->read<std::uint64_t>();
    if (header == kMaxU32) header = wide->read<std::uint64_t>();
  }
  LASSO_CHECK(disk == 0 || disk == kMaxU16, ErrorCode::kUnsupported,
              "{}: part of a zip archive of several volumes; join them first", name_);
  LASSO_CHECK(entry.method != kZipStored || packed == size, ErrorCode::kCorruptFile,
              "{}: zip entry {} is stored, and claims {} bytes of {}", name_, printable(name),
              packed, size);
  LASSO_CHECK(header <= directory_offset && packed <= directory_offset, ErrorCode::kCorruptFile,
              "{}: zip entry {} claims {} bytes at {}, outside the file", name_, printable(name),
              packed, header);
  entry.packed_size = static_cast<std::size_t>(packed);
  entry.size = static_cast<std::size_t>(size);
  entry.header_offset = static_cast<std::size_t>(header);
  locate(&entry, flags, directory_offset);
  return entry;
}

// Finds the data behind the local header, which must say what the directory says.
void ZipArchive::locate(ZipEntry* entry, std::uint16_t flags, std::size_t directory_offset) const {
  ByteReader reader(data_, directory_offset, name_);
  reader.seek(entry->header_offset);
  LASSO_CHECK(
      reader.remaining() >= kLocalHeaderBytes && reader.read<std::uint32_t>() == kLocalSignature,
      ErrorCode::kCorruptFile, "{}: zip entry {} has no header at {}", name_,
      printable(entry->name), entry->header_offset);
  reader.take(2);  // version
  const auto local_flags = reader.read<std::uint16_t>();
  const auto method = reader.read<std::uint16_t>();
  reader.take(4);  // time and date
  const auto crc = reader.read<std::uint32_t>();
  std::uint64_t packed = reader.read<std::uint32_t>();
  std::uint64_t size = reader.read<std::uint32_t>();
  const auto name_bytes = reader.read<std::uint16_t>();
  const auto extra_bytes = reader.read<std::uint16_t>();
  const std::string_view name = reader.text(name_bytes);
  const std::byte* extra = reader.take(extra_bytes);
  LASSO_CHECK(name == entry->name, ErrorCode::kCorruptFile,
              "{}: zip entry {} is named {} in its header", name_, printable(entry->name),
              printable(name));
  LASSO_CHECK(method == entry->method && ((local_flags ^ flags) & kEncrypted) == 0,
              ErrorCode::kCorruptFile, "{}: zip entry {} has another method in its header", name_,
              printable(entry->name));
  if (packed == kMaxU32 || size == kMaxU32) {
    auto wide = zip64_extra(extra, extra_bytes, name_);
    if (wide && wide->remaining() >= 16) {  // a local header has both, the unpacked size first
      size = wide->read<std::uint64_t>();
      packed = wide->read<std::uint64_t>();
    }
  }
  const bool later = (local_flags & kHasDescriptor) != 0 && packed == 0 && size == 0;
  LASSO_CHECK(later || (packed == entry->packed_size && size == entry->size &&
                        ((local_flags & kHasDescriptor) != 0 || crc == entry->crc32)),
              ErrorCode::kCorruptFile,
              "{}: zip entry {} has {} bytes in the directory and {} in its header", name_,
              printable(entry->name), entry->packed_size, packed);
  entry->offset = reader.position();
  LASSO_CHECK(entry->packed_size <= reader.remaining(), ErrorCode::kCorruptFile,
              "{}: zip entry {} claims {} bytes at {}, and {} are left before the directory", name_,
              printable(entry->name), entry->packed_size, entry->offset, reader.remaining());
}

void ZipArchive::check_overlaps() const {
  std::vector<std::size_t> order(entries_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return entries_[a].header_offset < entries_[b].header_offset;
  });
  for (std::size_t i = 1; i < order.size(); ++i) {
    const ZipEntry& before = entries_[order[i - 1]];
    const ZipEntry& entry = entries_[order[i]];
    LASSO_CHECK(entry.header_offset >= before.offset + before.packed_size, ErrorCode::kCorruptFile,
                "{}: zip entries {} and {} overlap", name_, printable(before.name),
                printable(entry.name));
  }
}

}  // namespace lasso
