#include "formats/zip/zip_writer.h"

#include <zlib.h>

#include <algorithm>

#include "core/aligned_buffer.h"
#include "core/check.h"
#include "formats/zip/zip_records.h"

namespace lasso {

using namespace zip_record;  // NOLINT(google-build-using-namespace)

namespace {

constexpr std::uint16_t kVersion = 45;           // the first with zip64
constexpr std::uint16_t kPaddingExtra = 0x4246;  // "FB", as PyTorch names its padding

template <typename T>
void put(std::string* out, std::uint64_t value) {
  const T number = static_cast<T>(value);
  out->append(reinterpret_cast<const char*>(&number), sizeof(number));
}

std::uint64_t narrow(std::uint64_t value) { return std::min<std::uint64_t>(value, kMaxU32); }

}  // namespace

ZipWriter::ZipWriter(const std::string& file, std::string name)
    : name_(std::move(name)), out_(file, name_) {}

void ZipWriter::write(const std::string& bytes) {
  out_.append(bytes);
  position_ += bytes.size();
}

void ZipWriter::add(const std::string& name, const void* data, std::size_t bytes) {
  LASSO_CHECK(!name.empty() && name.size() < kMaxU16, ErrorCode::kInvalidArgument,
              "{}: a zip entry can't have a name of {} bytes", name_, name.size());
  Entry entry{name, 0, bytes, position_};
  if (bytes > 0) {
    entry.crc32 = static_cast<std::uint32_t>(crc32_z(0, static_cast<const Bytef*>(data), bytes));
  }
  std::string extra;
  if (bytes >= kMaxU32) {
    put<std::uint16_t>(&extra, kZip64Extra);
    put<std::uint16_t>(&extra, 16);
    put<std::uint64_t>(&extra, bytes);
    put<std::uint64_t>(&extra, bytes);
  }
  const std::uint64_t begin = position_ + kLocalHeaderBytes + name.size() + extra.size() + 4;
  const std::size_t padding = align_up(begin) - begin;
  put<std::uint16_t>(&extra, kPaddingExtra);
  put<std::uint16_t>(&extra, padding);
  extra.append(padding, 'Z');

  std::string header;
  put<std::uint32_t>(&header, kLocalSignature);
  put<std::uint16_t>(&header, kVersion);
  put<std::uint16_t>(&header, 0);           // flags
  put<std::uint16_t>(&header, 0);           // stored
  put<std::uint32_t>(&header, 0x00210000);  // 1980-01-01, the earliest date there is
  put<std::uint32_t>(&header, entry.crc32);
  put<std::uint32_t>(&header, narrow(bytes));
  put<std::uint32_t>(&header, narrow(bytes));
  put<std::uint16_t>(&header, name.size());
  put<std::uint16_t>(&header, extra.size());
  header += name;
  header += extra;
  write(header);
  out_.append(data, bytes);
  position_ += bytes;
  entries_.push_back(std::move(entry));
}

void ZipWriter::finish() {
  const std::uint64_t directory = position_;
  for (const Entry& entry : entries_) {
    std::string extra;
    if (entry.bytes >= kMaxU32) {
      put<std::uint64_t>(&extra, entry.bytes);
      put<std::uint64_t>(&extra, entry.bytes);
    }
    if (entry.offset >= kMaxU32) put<std::uint64_t>(&extra, entry.offset);
    if (!extra.empty()) {
      std::string field;
      put<std::uint16_t>(&field, kZip64Extra);
      put<std::uint16_t>(&field, extra.size());
      extra.insert(0, field);
    }
    std::string header;
    put<std::uint32_t>(&header, kCentralSignature);
    put<std::uint16_t>(&header, kVersion);
    put<std::uint16_t>(&header, kVersion);
    put<std::uint16_t>(&header, 0);
    put<std::uint16_t>(&header, 0);
    put<std::uint32_t>(&header, 0x00210000);
    put<std::uint32_t>(&header, entry.crc32);
    put<std::uint32_t>(&header, narrow(entry.bytes));
    put<std::uint32_t>(&header, narrow(entry.bytes));
    put<std::uint16_t>(&header, entry.name.size());
    put<std::uint16_t>(&header, extra.size());
    header.append(10, '\0');  // comment, disk, attributes
    put<std::uint32_t>(&header, narrow(entry.offset));
    header += entry.name;
    header += extra;
    write(header);
  }
  const std::uint64_t end = position_;
  const std::uint64_t count = entries_.size();
  std::string tail;
  if (count >= kMaxU16 || end >= kMaxU32) {
    put<std::uint32_t>(&tail, kZip64EndSignature);
    put<std::uint64_t>(&tail, kZip64EndRecordBytes - 12);  // of what follows
    put<std::uint16_t>(&tail, kVersion);
    put<std::uint16_t>(&tail, kVersion);
    put<std::uint64_t>(&tail, 0);  // disks
    put<std::uint64_t>(&tail, count);
    put<std::uint64_t>(&tail, count);
    put<std::uint64_t>(&tail, end - directory);
    put<std::uint64_t>(&tail, directory);
    put<std::uint32_t>(&tail, kZip64LocatorSignature);
    put<std::uint32_t>(&tail, 0);
    put<std::uint64_t>(&tail, end);
    put<std::uint32_t>(&tail, 1);
  }
  put<std::uint32_t>(&tail, kEndSignature);
  put<std::uint32_t>(&tail, 0);  // disks
  put<std::uint16_t>(&tail, std::min<std::uint64_t>(count, kMaxU16));
  put<std::uint16_t>(&tail, std::min<std::uint64_t>(count, kMaxU16));
  put<std::uint32_t>(&tail, narrow(end - directory));
  put<std::uint32_t>(&tail, narrow(directory));
  put<std::uint16_t>(&tail, 0);
  write(tail);
  out_.close();
}

}  // namespace lasso
