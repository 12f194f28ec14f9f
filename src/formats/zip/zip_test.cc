#include <gtest/gtest.h>

#include "formats/zip/zip_reader.h"
#include "formats/zip/zip_writer.h"
#include "support/errors.h"
#include "support/files.h"
#include "support/pickles.h"

namespace lasso {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

constexpr auto kCorrupt = ErrorCode::kCorruptFile;

ZipArchive open(const std::string& bytes) {
  return {reinterpret_cast<const std::byte*>(bytes.data()), bytes.size(), "test.zip"};
}

// Two entries, "a" with 100 bytes and "b" with 50.
std::string two_entries() {
  const TempDir dir;
  ZipWriter zip(dir / "x.zip", "x.zip");
  zip.add("a", std::string(100, 'A').data(), 100);
  zip.add("b", std::string(50, 'B').data(), 50);
  zip.finish();
  return read_bytes(dir / "x.zip");
}

std::size_t find_nth(const std::string& bytes, const std::string& what, int n) {
  std::size_t at = bytes.find(what);
  while (n-- > 0) at = bytes.find(what, at + 1);
  return at;
}
std::size_t central(const std::string& bytes, int n) { return find_nth(bytes, "PK\x01\x02", n); }
std::size_t local(const std::string& bytes, int n) { return find_nth(bytes, "PK\x03\x04", n); }

template <typename T>
void poke(std::string* bytes, std::size_t at, T value) {
  bytes->replace(at, sizeof(T), little_endian(value));
}

TEST(Zip, ReadsWhatTheWriterWrites) {
  const std::string bytes = two_entries();
  const ZipArchive zip = open(bytes);
  ASSERT_EQ(zip.entries().size(), 2U);
  const ZipEntry* a = zip.find("a");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->size, 100U);
  EXPECT_EQ(a->offset % 64, 0U);
  EXPECT_EQ(static_cast<char>(*zip.data(*zip.find("b"))), 'B');
  EXPECT_EQ(zip.find("c"), nullptr);
}

TEST(Zip, ReadsAnEmptyArchiveAndComments) {
  std::string empty = "PK\x05\x06" + std::string(18, '\0');
  EXPECT_EQ(open(empty).entries().size(), 0U);
  std::string bytes = two_entries();
  bytes[bytes.size() - 2] = 5;  // the comment's length
  EXPECT_EQ(open(bytes + "hello").entries().size(), 2U);
}

TEST(Zip, RefusesTruncation) {
  const std::string bytes = two_entries();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_ERROR(open(bytes.substr(0, size)), kCorrupt, "test.zip");
  }
}

TEST(Zip, RefusesDuplicateNames) {
  std::string bytes = two_entries();
  bytes[central(bytes, 1) + 46] = 'a';
  bytes[local(bytes, 1) + 30] = 'a';
  EXPECT_ERROR(open(bytes), kCorrupt, "two zip entries are named a");
}

TEST(Zip, RefusesOverlaps) {
  std::string bytes = two_entries();
  // Entry a claims everything up to the directory.
  const std::size_t data = open(bytes).find("a")->offset;
  const auto claimed = static_cast<std::uint32_t>(central(bytes, 0) - data);
  for (const std::size_t at : {central(bytes, 0) + 20, local(bytes, 0) + 18}) {
    poke(&bytes, at, claimed);
    poke(&bytes, at + 4, claimed);
  }
  EXPECT_ERROR(open(bytes), kCorrupt, "zip entries a and b overlap");
}

TEST(Zip, RefusesLyingSizes) {
  const std::string good = two_entries();
  std::string bytes = good;
  poke<std::uint32_t>(&bytes, central(bytes, 0) + 24, 99);
  EXPECT_ERROR(open(bytes), kCorrupt, "zip entry a is stored, and claims 100 bytes of 99");
  bytes = good;
  for (const std::size_t field : {20U, 24U}) {
    poke<std::uint32_t>(&bytes, central(bytes, 0) + field, 99);
  }
  EXPECT_ERROR(open(bytes), kCorrupt, "99 bytes in the directory and 100 in its header");
  for (const std::size_t field : {20U, 24U}) {
    poke<std::uint32_t>(&bytes, central(bytes, 0) + field, 0x7fffffff);
  }
  EXPECT_ERROR(open(bytes), kCorrupt, "claims 2147483647 bytes");
  bytes = good;
  poke<std::uint32_t>(&bytes, central(bytes, 0) + 20, 0xffffffff);
  EXPECT_ERROR(open(bytes), kCorrupt, "lacks its zip64 sizes");
  bytes = good;
  poke<std::uint32_t>(&bytes, central(bytes, 1) + 42, 7);  // offset of the local header
  EXPECT_ERROR(open(bytes), kCorrupt, "zip entry b has no header at 7");
  bytes = good;
  poke<std::uint32_t>(&bytes, bytes.size() - 14, 0x30003);  // number of entries, twice
  EXPECT_ERROR(open(bytes), kCorrupt, "claims 3 entries");
  bytes = good;
  poke<std::uint32_t>(&bytes, bytes.size() - 6, 1U << 30U);  // offset of the directory
  EXPECT_ERROR(open(bytes), kCorrupt, "lies outside");
}

TEST(Zip, RefusesEncryption) {
  std::string bytes = two_entries();
  poke<std::uint16_t>(&bytes, central(bytes, 0) + 8, 1);
  EXPECT_ERROR(open(bytes), ErrorCode::kUnsupported, "encrypted");
}

TEST(Zip, RefusesNamesThatDiffer) {
  std::string bytes = two_entries();
  bytes[local(bytes, 0) + 30] = 'z';
  EXPECT_ERROR(open(bytes), kCorrupt, "zip entry a is named z in its header");
  bytes = two_entries();
  bytes[central(bytes, 0) + 46] = '\0';
  EXPECT_ERROR(open(bytes), kCorrupt, "bad name");
}

// One entry "a" of 4 bytes whose sizes and offsets all stand in zip64 fields.
std::string zip64_archive() {
  const auto u16 = [](std::uint16_t v) { return little_endian(v); };
  const auto u32 = [](std::uint32_t v) { return little_endian(v); };
  const auto u64 = [](std::uint64_t v) { return little_endian(v); };
  constexpr std::uint32_t kMax = 0xffffffff;
  const std::string local_header = "PK\x03\x04" + u16(45) + u32(0) + u32(0) + u32(0) + u32(kMax) +
                                   u32(kMax) + u16(1) + u16(20) + "a" + u16(1) + u16(16) + u64(4) +
                                   u64(4) + "DATA";
  const std::string directory = "PK\x01\x02" + u32(0x2d002d) + u32(0) + u32(0) + u32(0) +
                                u32(kMax) + u32(kMax) + u16(1) + u16(28) + u16(0) + u16(0) +
                                u16(0) + u32(0) + u32(kMax) + "a" + u16(1) + u16(24) + u64(4) +
                                u64(4) + u64(0);
  const std::uint64_t begin = local_header.size();
  const std::uint64_t end = begin + directory.size();
  return local_header + directory + "PK\x06\x06" + u64(44) + u32(0x2d002d) + u64(0) + u64(1) +
         u64(1) + u64(directory.size()) + u64(begin) + "PK\x06\x07" + u32(0) + u64(end) + u32(1) +
         "PK\x05\x06" + u32(0) + u16(0xffff) + u16(0xffff) + u32(kMax) + u32(kMax) + u16(0);
}

TEST(Zip, ReadsZip64) {
  const std::string bytes = zip64_archive();
  const ZipArchive zip = open(bytes);
  const ZipEntry* entry = zip.find("a");
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(zip.data(*entry)), entry->size), "DATA");
}

TEST(Zip, RefusesLyingZip64) {
  const std::string good = zip64_archive();
  const std::size_t record = good.find("PK\x06\x06");
  for (const std::size_t field :
       {24U, 32U, 40U, 48U}) {  // counts, size and offset of the directory
    std::string bytes = good;
    poke<std::uint64_t>(&bytes, record + field, ~std::uint64_t{0} - 7);
    EXPECT_ERROR(open(bytes), kCorrupt, "test.zip");
  }
  std::string bytes = good;
  poke<std::uint64_t>(&bytes, good.find("PK\x06\x07") + 8, ~std::uint64_t{0});
  EXPECT_ERROR(open(bytes), kCorrupt, "zip64 end record");
  bytes = good;
  poke<std::uint64_t>(&bytes, central(good, 0) + 46 + 1 + 4, ~std::uint64_t{0});
  EXPECT_ERROR(open(bytes), kCorrupt, "zip entry a");
}

}  // namespace
}  // namespace lasso
