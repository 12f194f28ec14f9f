#include "common/files.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/errors.h"
#include "core/file.h"
#include "support/errors.h"
#include "support/files.h"

namespace lasso::app {
namespace {

using Names = std::vector<OutputNames::Name>;

std::string last(const std::vector<std::string>& paths) {
  return paths.back().substr(paths.back().rfind('/') + 1);
}

TEST(OutputNames, EqualNamesTakeTheirNumbersWithoutSearching) {
  const test::TempDir folder;
  OutputNames names;
  constexpr std::size_t kMany = 2000;
  for (std::size_t i = 1; i <= kMany; ++i) {
    // Two sets that have a name in common, as pictures with one mask and with several have.
    const Names one = {{"a_overlay", ".png"}, {"a_mask", ".png"}};
    const Names two = {{"a_overlay", ".png"}, {"a_mask_0", ".png"}, {"a_mask_1", ".png"}};
    const Names& wanted = i % 3 == 0 ? two : one;
    names.check(folder / "", wanted);
    const std::string number = i == 1 ? "" : fmt::format("-{}", i);
    ASSERT_EQ(last(names.claim(folder / "", wanted)),
              wanted.back().base + number + wanted.back().extension);
  }
  // The second time, the name without a number is tried again.
  EXPECT_EQ(names.tries(), 2 * kMany + 2);
}

TEST(OutputNames, WhatIsThereIsPassedOverOnce) {
  const test::TempDir folder;
  lasso::write_file(folder / "a.png", "");
  for (int i = 2; i <= 50; ++i) {
    lasso::write_file(folder / fmt::format("a-{}.png", i), "");
  }
  OutputNames names;
  EXPECT_EQ(last(names.claim(folder / "", {{"a", ".png"}})), "a-51.png");
  EXPECT_EQ(names.tries(), 51u);
  EXPECT_EQ(last(names.claim(folder / "", {{"a", ".png"}})), "a-52.png");
  EXPECT_EQ(names.tries(), 52u);
  names.reserve(folder / "a-53.png");
  EXPECT_EQ(last(names.claim(folder / "", {{"a", ".png"}})), "a-54.png");
}

TEST(OutputNames, FilesThatAreThereAreKnownByTheFileSystem) {
  const test::TempDir folder;
  OutputNames names;
  const std::string first = names.claim(folder / "", {{"a", ".png"}}).front();
  EXPECT_EQ(last(names.claim(folder / "", {{"a", ".png"}})), "a-2.png");
  lasso::write_file(first, "");
  names.written(first);
  EXPECT_EQ(last(names.claim(folder / "", {{"a", ".png"}})), "a-3.png");
  // Of a name that nobody has any more.
  const std::string other = names.claim(folder / "", {{"b", ".png"}}).front();
  names.written(other);
  EXPECT_EQ(last(names.claim(folder / "", {{"b", ".png"}})), "b.png");
}

TEST(OutputNames, CheckingClaimsNothing) {
  const test::TempDir folder;
  OutputNames names;
  names.check(folder / "", {{"a", ".png"}});
  EXPECT_EQ(last(names.claim(folder / "", {{"a", ".png"}})), "a.png");
}

TEST(OutputNames, NamesThatAreTooLongAreNamedWithTheLimit) {
  const test::TempDir folder;
  OutputNames names;
  const std::string longest(251, 'a');
  EXPECT_NO_THROW(names.check(folder / "", {{longest, ".png"}}));
  EXPECT_EQ(last(names.claim(folder / "", {{longest, ".png"}})), longest + ".png");
  // The number makes it too long.
  EXPECT_THROW(names.check(folder / "", {{longest, ".png"}}), OutputError);
  EXPECT_EQ(test::code_of(
                [&] {
                  names.claim(folder / "", {{longest + "a", ".png"}});
                },
                "has 256 bytes, and the file system takes 255"),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(test::code_of([&] { check_output_file(folder / std::string(256, 'a')); },
                          "has 256 bytes, and the file system takes 255"),
            ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace lasso::app
