#include "formats/npy/npy.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstring>
#include <filesystem>
#include <vector>

#include "formats/npy/npz.h"
#include "formats/zip/zip_writer.h"
#include "support/errors.h"
#include "support/files.h"
#include "support/pickles.h"

namespace lasso {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

constexpr auto kCorrupt = ErrorCode::kCorruptFile;

std::string npy(const std::string& header, const std::string& data, int version = 1) {
  std::string result = std::string("\x93NUMPY") + static_cast<char>(version) + '\0';
  result += version == 1 ? little_endian(static_cast<std::uint16_t>(header.size()))
                         : little_endian(static_cast<std::uint32_t>(header.size()));
  return result + header + data;
}
std::string header(const std::string& descr, const std::string& order, const std::string& shape) {
  return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
}
Tensor parse(const std::string& text) {
  auto bytes = std::make_shared<std::string>(text);
  return parse_npy(reinterpret_cast<const std::byte*>(bytes->data()), bytes->size(), "test", bytes);
}

TEST(Npy, WritesAndReadsEveryType) {
  const TempDir dir;
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kF64, DType::kI8, DType::kU8,
                            DType::kI16, DType::kI32, DType::kI64, DType::kBool}) {
    const std::vector<std::uint8_t> bytes(6 * size_of(dtype), 1);
    for (const Dims& dims : {Dims{2, 3}, Dims{6}}) {
      write_npy(dir / "a.npy", {dtype, dims, bytes.data()});
      const Tensor tensor = read_npy(dir / "a.npy");
      EXPECT_EQ(tensor.dtype, dtype);
      EXPECT_EQ(tensor.dims, dims);
      EXPECT_EQ(std::memcmp(tensor.data.get(), bytes.data(), bytes.size()), 0);
    }
  }
  EXPECT_EQ(npy_type(DType::kF64), "<f8");
  EXPECT_EQ(npy_type(DType::kBool), "|b1");
  const float scalar = 1;
  write_npy(dir / "scalar.npy", {DType::kF32, {}, &scalar});
  EXPECT_EQ(read_npy(dir / "scalar.npy").dims, Dims{});
  EXPECT_ERROR(write_npy(dir / "b.npy", {DType::kBF16, {}, &scalar}), ErrorCode::kInvalidArgument,
               "bfloat16");
}

// A map of the file would end the process here.
TEST(Npy, ArraysOutliveAFileThatShrinks) {
  const TempDir dir;
  const std::vector<float> values(5000, 3);
  const TensorView view{DType::kF32, {5000}, values.data()};
  write_npy(dir / "a.npy", view);
  write_npz(dir / "a.npz", {{"a", view}});
  const Tensor array = read_npy(dir / "a.npy");
  const Tensor packed = read_npz(dir / "a.npz").at("a");
  std::filesystem::resize_file(dir / "a.npy", 0);
  std::filesystem::resize_file(dir / "a.npz", 0);
  EXPECT_EQ(std::memcmp(array.data.get(), values.data(), 4 * values.size()), 0);
  EXPECT_EQ(std::memcmp(packed.data.get(), values.data(), 4 * values.size()), 0);
}

TEST(Npy, ReadsFortranOrderAndOtherVersions) {
  const std::string data("\0\1\2\3\4\5", 6);
  for (const int version : {1, 2, 3}) {
    const Tensor tensor = parse(npy(header("|u1", "True", "(2, 3)"), data, version));
    const auto* v = tensor.view().as<std::uint8_t>();
    EXPECT_EQ((std::vector<int>(v, v + 6)), (std::vector<int>{0, 2, 4, 1, 3, 5}));
  }
  EXPECT_EQ(parse(npy("{\"shape\":(2L,3L),\"descr\":\"<u1\",\"fortran_order\":False}", data)).dims,
            (Dims{2, 3}));
}

TEST(Npy, ReadsTheReference) {
  const Tensor resized = read_npy(data_path("sam_micro/image0_resized.npy"));
  EXPECT_EQ(resized.dtype, DType::kU8);
  EXPECT_EQ(resized.dims, (Dims{179, 256, 3}));
  const Tensor embedding = read_npy(data_path("sam_micro/image0_embedding.npy"));
  EXPECT_EQ(embedding.dims, (Dims{1, 64, 16, 16}));
}

TEST(Npy, RefusesWhatItCannotRead) {
  constexpr auto kUnsupported = ErrorCode::kUnsupported;
  EXPECT_ERROR(parse(npy(header("|O", "False", "(1,)"), "x")), kUnsupported, "'|O'");
  EXPECT_ERROR(parse(npy(header(">f4", "False", "(1,)"), "1234")), kUnsupported, "big-endian");
  EXPECT_ERROR(parse(npy(header("<c8", "False", "(1,)"), "12345678")), kUnsupported, "'<c8'");
  EXPECT_ERROR(parse(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "")),
               kUnsupported, "records");
  EXPECT_ERROR(parse(npy(header("<f4", "False", "(1,)"), "1234", 4)), kUnsupported, "version 4");
}

TEST(Npy, RefusesBrokenFiles) {
  EXPECT_ERROR(parse(""), kCorrupt, "not a .npy file");
  EXPECT_ERROR(parse("\x93NUMPY"), kCorrupt, "not a .npy file");
  EXPECT_ERROR(parse(npy(header("<f4", "False", "(2,)"), "1234")), kCorrupt, "take 8 bytes, and 4");
  EXPECT_ERROR(parse(npy(header("<f4", "False", "(1,)"), "12345")), kCorrupt,
               "take 4 bytes, and 5");
  EXPECT_ERROR(parse(npy(header("<f4", "False", "(9223372036854775807, 9)"), "")), kCorrupt,
               "impossible shape");
  EXPECT_ERROR(parse(npy(header("<f4", "False", "(0, 9223372036854775807, 9)"), "")), kCorrupt,
               "impossible shape");
  EXPECT_ERROR(parse(npy(header("<f4", "False", "(99999999999999999999)"), "")), kCorrupt, "2^63");
  EXPECT_ERROR(parse(npy(header("<f4", "False", "(-1,)"), "")), kCorrupt, "no dimension");
  EXPECT_ERROR(parse(npy(header("<f4", "Maybe", "(1,)"), "")), kCorrupt, "neither True nor False");
  EXPECT_ERROR(parse(npy("{'descr': '<f4'}", "")), kCorrupt, "no descr, fortran_order or shape");
  EXPECT_ERROR(parse(npy("{'descr': '<f4', 'descr': '<f4'}", "")), kCorrupt, "repeated key");
  EXPECT_ERROR(parse(npy("{'descr", "")), kCorrupt, "without an end");
  EXPECT_ERROR(parse(npy(header("<f4", "False", "(1,)") + "x", "1234")), kCorrupt,
               "something behind its dictionary");
  EXPECT_ERROR(parse(npy("", "")), kCorrupt, "no '{'");
  EXPECT_ERROR(parse(npy("{'descr': '<f4'", "").substr(0, 20)), kCorrupt, "is truncated");
  std::string giant = npy("{}", "", 2);
  giant.replace(8, 4, "\xff\xff\xff\x7f");
  EXPECT_ERROR(parse(giant), kCorrupt, "header of 2147483647 bytes");
}

// An archive as numpy.savez_compressed writes it, with one deflated entry.
std::string deflated_npz(const std::string& content, std::uint32_t claimed) {
  std::string packed(content.size() + 100, '\0');
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  const auto u16 = [](std::uint16_t v) { return little_endian(v); };
  const auto u32 = [](std::uint32_t v) { return little_endian(v); };
  const auto crc = static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size())));
  const std::string common = u16(0) + u16(8) + u32(0) + u32(crc) +
                             u32(static_cast<std::uint32_t>(packed.size())) + u32(claimed) +
                             u16(5) + u16(0);
  const std::string local = "PK\x03\x04" + u16(20) + common + "a.npy" + packed;
  const std::string central =
      "PK\x01\x02" + u32(20) + common + u16(0) + u16(0) + u16(0) + u32(0) + u32(0) + "a.npy";
  return local + central + "PK\x05\x06" + u32(0) + u16(1) + u16(1) +
         u32(static_cast<std::uint32_t>(central.size())) +
         u32(static_cast<std::uint32_t>(local.size())) + u16(0);
}

TEST(Npz, WritesAndReads) {
  const TempDir dir;
  const Tensor a = make_tensor({2}, std::vector<float>{1, 2});
  const Tensor b = make_tensor({1, 2}, std::vector<std::int32_t>{3, 4});
  write_npz(dir / "a.npz", {{"a", a.view()}, {"b/c", b.view()}});
  const auto arrays = read_npz(dir / "a.npz");
  ASSERT_EQ(arrays.size(), 2U);
  EXPECT_EQ(arrays.at("a").view().as<float>()[1], 2.0F);
  EXPECT_EQ(arrays.at("b/c").view().as<std::int32_t>()[1], 4);
}

TEST(Npz, ReadsCompressedArrays) {
  const TempDir dir;
  const std::string array = npy(header("|u1", "False", "(5000,)"), std::string(5000, '\7'));
  write_bytes(dir / "a.npz", deflated_npz(array, static_cast<std::uint32_t>(array.size())));
  const auto arrays = read_npz(dir / "a.npz");
  EXPECT_EQ(arrays.at("a").dims, (Dims{5000}));
  EXPECT_EQ(arrays.at("a").view().as<std::uint8_t>()[4999], 7);
}

TEST(Npz, RefusesLyingSizesAndDamage) {
  const TempDir dir;
  const std::string array = npy(header("|u1", "False", "(5000,)"), std::string(5000, '\7'));
  const auto size = static_cast<std::uint32_t>(array.size());
  const auto check = [&](const std::string& bytes, const std::string& part) {
    write_bytes(dir / "a.npz", bytes);
    EXPECT_ERROR(read_npz(dir / "a.npz"), kCorrupt, part);
  };
  check(deflated_npz(array, size - 1), "damaged");
  check(deflated_npz(array, size + 1), "damaged");
  check(deflated_npz(array, 0xfffffff0), "claims 4294967280 bytes packed into");
  write_npz(dir / "b.npz", {{"a", parse(array).view()}});
  std::string bytes = read_bytes(dir / "b.npz");
  bytes[bytes.find(std::string(100, '\7')) + 50] = '\1';
  check(bytes, "checksum");
  ZipWriter zip(dir / "c.npz", "c.npz");
  zip.add("a.txt", "x", 1);
  zip.finish();
  EXPECT_ERROR(read_npz(dir / "c.npz"), kCorrupt, "no .npy array");
}

TEST(Npz, ReadsTheReference) {
  const std::string path = golden_path("sam_hf_micro/reference.npz");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is absent";
  const auto arrays = read_npz(path);
  EXPECT_EQ(arrays.size(), 9U);
  EXPECT_EQ(arrays.at("pixel_values").dims, (Dims{1, 3, 256, 256}));
}

}  // namespace
}  // namespace lasso
