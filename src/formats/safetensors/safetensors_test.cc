#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "formats/safetensors/safetensors_reader.h"
#include "formats/safetensors/safetensors_writer.h"
#include "support/errors.h"
#include "support/files.h"
#include "support/pickles.h"

namespace lasso {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

constexpr auto kCorrupt = ErrorCode::kCorruptFile;

SafetensorsFile parse(const std::string& header, std::size_t data_bytes) {
  auto bytes =
      std::make_shared<std::string>(little_endian(static_cast<std::uint64_t>(header.size())) +
                                    header + std::string(data_bytes, '\0'));
  return parse_safetensors(reinterpret_cast<const std::byte*>(bytes->data()), bytes->size(), "test",
                           bytes);
}

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
         ",\"data_offsets\":" + offsets + "}";
}

// A map of the file would end the process here.
TEST(Safetensors, SmallFilesMayShrink) {
  const TempDir dir;
  const Tensor a = make_tensor({5000}, std::vector<float>(5000, 3));
  write_safetensors(dir / "a.safetensors", {{"a", a.view()}}, {});
  const SafetensorsFile file = read_safetensors(dir / "a.safetensors");
  std::filesystem::resize_file(dir / "a.safetensors", 0);
  EXPECT_EQ(file.weights.dense("a").view().as<float>()[4999], 3.0F);
}

TEST(Safetensors, ReadsWhatTheWriterWrites) {
  const TempDir dir;
  const Tensor a = make_tensor({2, 2}, std::vector<float>{1, 2, 3, 4});
  const Tensor b = make_tensor({3}, std::vector<std::int32_t>{5, 6, 7});
  const Metadata metadata = {{"format", "pt"}, {"name", "gr\xc3\xbc\xc3\x9f"}};
  write_safetensors(dir / "a.safetensors", {{"a", a.view()}, {"b", b.view()}}, metadata);
  const SafetensorsFile file = read_safetensors(dir / "a.safetensors");
  EXPECT_EQ(file.metadata, metadata);
  EXPECT_EQ(file.weights.names(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(file.weights.dense("a").view().as<float>()[3], 4.0F);
  EXPECT_EQ(file.weights.dense("b").view().as<std::int32_t>()[2], 7);
  EXPECT_ERROR(write_safetensors(dir / "b", {{"__metadata__", a.view()}}),
               ErrorCode::kInvalidArgument, "__metadata__");
  EXPECT_ERROR(write_safetensors(dir / "nowhere/b", {{"a", a.view()}}), ErrorCode::kInvalidArgument,
               "can't be written");
}

TEST(Safetensors, ReadsTheReference) {
  const std::string path = golden_path("sam_hf_micro/model.safetensors");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is absent";
  const SafetensorsFile file = read_safetensors(path);
  EXPECT_EQ(file.weights.size(), 188U);
  EXPECT_EQ(file.metadata, (Metadata{{"format", "pt"}}));
}

TEST(Safetensors, AcceptsEmptyAndZeroSizedTensors) {
  EXPECT_EQ(parse("{}", 0).weights.size(), 0U);
  EXPECT_EQ(parse("{}   ", 0).weights.size(), 0U);
  const SafetensorsFile file = parse(
      "{" + entry("a", "F32", "[]", "[0,4]") + "," + entry("b", "BF16", "[3,0]", "[4,4]") + "}", 4);
  EXPECT_EQ(file.weights.at("a").dims, Dims{});
  EXPECT_EQ(file.weights.at("b").dtype, DType::kBF16);
}

TEST(Safetensors, RefusesHolesOverlapsAndLeftovers) {
  const std::string a = entry("a", "F32", "[1]", "[0,4]");
  EXPECT_NO_THROW(parse("{" + a + "," + entry("b", "F32", "[1]", "[4,8]") + "}", 8));
  EXPECT_ERROR(parse("{" + a + "," + entry("b", "F32", "[1]", "[5,9]") + "}", 9), kCorrupt,
               "holes");
  EXPECT_ERROR(parse("{" + entry("b", "F32", "[1]", "[4,8]") + "}", 8), kCorrupt, "holes");
  EXPECT_ERROR(parse("{" + a + "," + entry("b", "F32", "[1]", "[3,7]") + "}", 7), kCorrupt,
               "overlaps");
  EXPECT_ERROR(parse("{" + a + "," + entry("b", "F32", "[1]", "[0,4]") + "}", 4), kCorrupt,
               "overlaps");
  EXPECT_ERROR(parse("{" + a + "}", 5), kCorrupt, "1 bytes after the last tensor");
  EXPECT_ERROR(parse("{" + a + "}", 3), kCorrupt, "outside");
}

TEST(Safetensors, RefusesShapesThatDoNotFit) {
  EXPECT_ERROR(parse("{" + entry("a", "F32", "[2]", "[0,4]") + "}", 4), kCorrupt, "takes 8 bytes");
  EXPECT_ERROR(parse("{" + entry("a", "F32", "[1]", "[4,0]") + "}", 4), kCorrupt, "outside");
  EXPECT_ERROR(parse("{" + entry("a", "F32", "[4294967296,4294967296]", "[0,4]") + "}", 4),
               kCorrupt, "impossible shape");
  EXPECT_ERROR(parse("{" + entry("a", "F32", "[0,4294967296,4294967296]", "[0,0]") + "}", 0),
               kCorrupt, "impossible shape");
  EXPECT_ERROR(parse("{" + entry("a", "F32", "[18446744073709551615]", "[0,4]") + "}", 4), kCorrupt,
               "beyond 2^63");
  EXPECT_ERROR(parse("{" + entry("a", "F32", "[99999999999999999999]", "[0,4]") + "}", 4), kCorrupt,
               "no 64-bit integer");
  EXPECT_ERROR(parse("{" + entry("a", "F32", "[-1]", "[0,4]") + "}", 4), kCorrupt, "negative");
  EXPECT_ERROR(parse("{" + entry("a", "F32", "[1.0]", "[0,4]") + "}", 4), kCorrupt, "integer");
  EXPECT_ERROR(
      parse("{" + entry("a", "F32", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "[0,4]") + "}", 4),
      kCorrupt, "16 dimensions");
}

TEST(Safetensors, RefusesBrokenHeaders) {
  EXPECT_ERROR(parse("[]", 0), kCorrupt, "does not begin with {");
  EXPECT_ERROR(parse(" {}", 0), kCorrupt, "does not begin with {");
  EXPECT_ERROR(parse("", 0), kCorrupt, "does not begin with {");
  EXPECT_ERROR(parse("{", 0), kCorrupt, "no JSON");
  EXPECT_ERROR(parse("{}x", 0), kCorrupt, "no JSON");
  EXPECT_ERROR(parse("{\"a\":1}", 0), kCorrupt, "a number where none may stand");
  EXPECT_ERROR(parse("{\"a\":[]}", 0), kCorrupt, "an array where none may stand");
  EXPECT_ERROR(parse("{\"a\":null}", 0), kCorrupt, "null where none may stand");
  EXPECT_ERROR(parse("{\"a\":{}}", 0), kCorrupt, "without dtype, shape and data_offsets");
  EXPECT_ERROR(parse("{\"a\":{\"x\":1}}", 0), kCorrupt, "another field");
  EXPECT_ERROR(parse("{\"a\":{\"shape\":[[]]}}", 0), kCorrupt, "an array where none may stand");
  EXPECT_ERROR(parse("{\"a\":{\"shape\":[],\"shape\":[]}}", 0), kCorrupt, "the same field twice");
  EXPECT_ERROR(parse("{" + entry("a", "F32", "[0]", "[0]") + "}", 0), kCorrupt, "not two");
  EXPECT_ERROR(parse("{" + entry("a", "F32", "[0]", "[0,0,0]") + "}", 0), kCorrupt,
               "more than two");
  EXPECT_ERROR(parse("{\"__metadata__\":{\"a\":1}}", 0), kCorrupt, "a number where none may stand");
  EXPECT_ERROR(parse("{\"__metadata__\":{\"a\":{}}}", 0), kCorrupt, "an object where none may");
  EXPECT_ERROR(parse("{\"__metadata__\":{},\"__metadata__\":{}}", 0), kCorrupt, "two __metadata__");
  const std::string a = entry("a", "F32", "[0]", "[0,0]");
  EXPECT_ERROR(parse("{" + a + "," + a + "}", 0), kCorrupt, "two tensors are named a");
  EXPECT_ERROR(parse("{\"a\":" + std::string(1'000'000, '['), 0), kCorrupt, "an array where");
  EXPECT_ERROR(parse(std::string("{\"\xff\":1}"), 0), kCorrupt, "no JSON");
}

TEST(Safetensors, RefusesAGiantHeader) {
  for (const std::uint64_t claimed :
       {std::uint64_t{1000}, std::uint64_t{1} << 40U, ~std::uint64_t{0}}) {
    const std::string bytes = little_endian(claimed) + "{}";
    EXPECT_ERROR(parse_safetensors(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size(),
                                   "test", nullptr),
                 kCorrupt, "safetensors header of");
  }
  EXPECT_ERROR(parse_safetensors(nullptr, 0, "test", nullptr), kCorrupt, "8 bytes are needed");
}

// The model decides whether it needs them.
TEST(Safetensors, SetsTensorsOfOtherTypesApart) {
  const std::string header = "{" + entry("a", "F8_E4M3", "[4]", "[0,4]") + "," +
                             entry("b", "F32", "[1]", "[4,8]") + "," +
                             entry("c", "U32", "[1]", "[8,12]") + "}";
  const Weights weights = parse(header, 12).weights;
  EXPECT_EQ(weights.names(), std::vector<std::string>{"b"});
  EXPECT_EQ(weights.others().at("a").what, "a tensor of F8_E4M3");
  EXPECT_EQ(weights.others().at("c").what, "a tensor of U32");
}

}  // namespace
}  // namespace lasso
