#include "formats/onnx/wire.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "support/onnx_writer.h"

namespace lasso {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace)

TEST(Varint, HasAtMost64Bits) {
  for (const std::uint64_t expected :
       {std::uint64_t{0}, std::uint64_t{127}, std::uint64_t{128}, std::uint64_t{300},
        std::uint64_t{1} << 35U, ~std::uint64_t{0}}) {
    const std::string bytes = wire_varint(expected) + "x";
    std::string_view rest = bytes;
    std::uint64_t value = 1;
    ASSERT_TRUE(take_varint(&rest, &value));
    EXPECT_EQ(value, expected);
    EXPECT_EQ(rest, "x");
  }
  EXPECT_EQ(wire_varint(~std::uint64_t{0}).size(), 10U);
  for (const std::string& broken : {std::string(), std::string("\x80"), std::string(9, '\xff'),
                                    std::string(9, '\xff') + "\x02", std::string(11, '\x80')}) {
    std::string_view rest = broken;
    std::uint64_t value = 0;
    EXPECT_FALSE(take_varint(&rest, &value)) << broken.size();
    EXPECT_EQ(rest.size(), broken.size());
  }
}

TEST(WireWalker, GivesFieldsInTheirOrder) {
  const std::string message = wire_number(1, 150) + wire_bytes(2, "testing") + wire_float(3, 0.5F) +
                              wire_tag(4, 1) + "12345678" + wire_number(536870911, -1) +
                              wire_bytes(2, "");
  WireWalker walker(message);
  ASSERT_TRUE(walker.next());
  EXPECT_EQ(walker.field().number, 1U);
  EXPECT_EQ(walker.field().type, WireType::kVarint);
  EXPECT_EQ(walker.field().value, 150U);
  ASSERT_TRUE(walker.next());
  EXPECT_EQ(walker.field().number, 2U);
  EXPECT_EQ(walker.field().type, WireType::kBytes);
  EXPECT_EQ(walker.field().bytes, "testing");
  EXPECT_EQ(walker.field().bytes.data(), message.data() + 5) << "a view, and no copy";
  ASSERT_TRUE(walker.next());
  EXPECT_EQ(walker.field().type, WireType::kFixed32);
  EXPECT_EQ(walker.field().value, 0x3f000000U);
  ASSERT_TRUE(walker.next());
  EXPECT_EQ(walker.field().type, WireType::kFixed64);
  EXPECT_EQ(walker.field().value, 0x3837363534333231U);
  ASSERT_TRUE(walker.next());
  EXPECT_EQ(walker.field().number, 536870911U);
  EXPECT_EQ(walker.field().value, ~std::uint64_t{0});
  ASSERT_TRUE(walker.next());
  EXPECT_EQ(walker.field().bytes, "");
  EXPECT_FALSE(walker.next());
  EXPECT_EQ(walker.error(), nullptr);
  EXPECT_EQ(walker.at(), message.data() + message.size());
}

TEST(WireWalker, StopsAtWhatIsNoField) {
  const auto error_of = [](const std::string& field) {
    const std::string message = wire_number(1, 1) + field;
    WireWalker walker(message);
    EXPECT_TRUE(walker.next());
    EXPECT_FALSE(walker.next());
    EXPECT_FALSE(walker.next()) << "nor is there anything after it";
    EXPECT_EQ(walker.at(), message.data() + 2);
    return std::string(walker.error() == nullptr ? "" : walker.error());
  };
  EXPECT_EQ(error_of("\x80"), "the number of a field is expected");
  EXPECT_EQ(error_of(std::string(1, '\0')), "the number of a field is expected");
  EXPECT_EQ(error_of(wire_tag(536870912, 0)), "the number of a field is expected");
  EXPECT_EQ(error_of("\x08\x80"), "a number is cut off or beyond 64 bits");
  EXPECT_EQ(error_of("\x0d"
                     "123"),
            "a number of 4 bytes is cut off");
  EXPECT_EQ(error_of("\x09"
                     "1234567"),
            "a number of 8 bytes is cut off");
  EXPECT_EQ(error_of("\x0a\xff"), "a length is cut off or beyond 64 bits");
  EXPECT_EQ(error_of("\x0a\x03"
                     "12"),
            "a length reaches beyond the end");
  EXPECT_EQ(error_of("\x0a" + wire_varint(~std::uint64_t{0})), "a length reaches beyond the end");
  for (const unsigned type : {3U, 4U, 6U, 7U}) {
    EXPECT_EQ(error_of(wire_tag(1, type)), "a field of a type that ONNX does not use (a group?)");
  }
}

}  // namespace
}  // namespace lasso
