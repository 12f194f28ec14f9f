#include "core/file_set.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <string>

#include "core/file.h"
#include "support/errors.h"
#include "support/files.h"

namespace lasso {
namespace {

using test::code_of;

std::set<std::string> names_in(const std::string& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.insert(entry.path().filename().string());
  }
  return names;
}

TEST(FileSet, FilesAppearTogether) {
  const test::TempDir folder;
  write_file(folder / "b", "old");
  {
    FileSet files;
    files.write_text(folder / "a", "one");
    files.write_text(folder / "b", "two");
    EXPECT_EQ(read_file(folder / "b"), "old");
    EXPECT_FALSE(names_in(folder / "").contains("a"));
  }
  EXPECT_EQ(names_in(folder / ""), std::set<std::string>{"b"}) << "without commit";
  FileSet files;
  files.write_text(folder / "a", "one");
  files.write_text(folder / "b", "two");
  files.commit();
  EXPECT_EQ(read_file(folder / "a"), "one");
  EXPECT_EQ(read_file(folder / "b"), "two");
  EXPECT_EQ(names_in(folder / ""), (std::set<std::string>{"a", "b"}));
}

// What is not renamed yet has a name of one letter here, too, of 36; and the folder has two.
TEST(FileSet, ShortNamesAreNobodyElses) {
  const std::string letters = "abcdefghijkl";
  for (int round = 0; round < 10; ++round) {
    const test::TempDir folder;
    FileSet files;
    for (const char name : letters) {
      const std::string file = name % 2 == 0 ? std::string(1, name) : std::string("./") + name;
      files.write_text(folder / file, {&name, 1});
    }
    files.commit();
    EXPECT_EQ(names_in(folder / "").size(), letters.size());
    for (const char name : letters) {
      EXPECT_EQ(read_file(folder / std::string(1, name)), std::string(1, name));
    }
  }
}

TEST(FileSet, LeavesWhatWasThereWhereOneCannotBeRenamed) {
  const test::TempDir folder;
  write_file(folder / "a", "old");
  FileSet files;
  for (const char* name : {"b", "c", "d"}) files.write_text(folder / name, name);
  std::filesystem::create_directory(folder / "c");
  EXPECT_EQ(code_of([&] { files.commit(); }, (folder / "c") + ": can't be written"),
            ErrorCode::kInvalidArgument);
  EXPECT_FALSE(names_in(folder / "").contains("b"));
  EXPECT_FALSE(names_in(folder / "").contains("d"));
  EXPECT_EQ(read_file(folder / "a"), "old");
}

}  // namespace
}  // namespace lasso
