#include "common/json_text.h"

#include <gtest/gtest.h>

#include <string>

#include "common/text.h"
#include "core/random.h"
#include "core/utf8.h"

namespace lasso::app {
namespace {

TEST(CharacterSize, IsOfUnicodeAlone) {
  EXPECT_EQ(character_size("a"), 1u);
  EXPECT_EQ(character_size("\xc3\xa4"), 2u);
  EXPECT_EQ(character_size("\xed\x9f\xbf"), 3u);      // U+D7FF
  EXPECT_EQ(character_size("\xf4\x8f\xbf\xbf"), 4u);  // U+10FFFF
  for (const char* text : {"\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
                           "\xed\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
    EXPECT_EQ(character_size(text), 0u) << printable(text);
  }
}

TEST(JsonName, IsUtf8WhateverTheNameIs) {
  EXPECT_EQ(json_name("photos/a \xc3\xa4.png"), "photos/a \xc3\xa4.png");
  EXPECT_EQ(json_name("a\xff.png"), "a\xf4\x8f\xbb\xbf.png");  // U+10FEFF
  EXPECT_EQ(json_name("\x80"), "\xf4\x8f\xba\x80");            // U+10FE80
  // A surrogate is no character. Nor is half of one.
  EXPECT_EQ(json_name("\xed\xa0\x80"), json_name("\xed") + json_name("\xa0") + json_name("\x80"));
  EXPECT_EQ(json_name("\xc3"), "\xf4\x8f\xbb\x83");
  // The escape itself in a name is told from an escaped byte.
  EXPECT_EQ(json_name("\xf4\x8f\xba\x80"),
            json_name("\xf4") + json_name("\x8f") + json_name("\xba") + json_name("\x80"));
  EXPECT_EQ(OrderedJson(json_name("a\xff")).dump(-1, ' ', true), "\"a\\udbff\\udeff\"");
}

TEST(JsonName, ComesBackAsItWas) {
  SplitMix64 random(11);
  // Bytes of which many make characters, parts of them, and escapes.
  const std::string some(
      "\xf4\x8f\xba\xbb\x80\xbf\xc3\xed\xa0"
      "a",
      10);
  for (int i = 0; i < 100000; ++i) {
    std::string name;
    for (std::uint64_t n = random.below(9); n > 0; --n) {
      name += random.below(4) == 0 ? static_cast<char>(random.below(256))
                                   : some[static_cast<std::size_t>(random.below(some.size()))];
    }
    const std::string text = json_name(name);
    ASSERT_TRUE(is_utf8(text)) << printable(name);
    ASSERT_EQ(file_name(text), name);
    ASSERT_EQ(OrderedJson::parse(OrderedJson(text).dump()).get<std::string>(), text);
  }
}

}  // namespace
}  // namespace lasso::app
