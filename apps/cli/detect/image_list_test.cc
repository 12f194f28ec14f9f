#include "cli/detect/image_list.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "cli/exit_codes.h"
#include "support/files.h"

namespace lasso::app {
namespace {

class ImageListTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(folder_ / "photos");
    for (const char* name : {"b.JPG", "a.png", "c.txt", "d.ppm", "e[1].png"}) {
      test::write_bytes(folder_ / (std::string("photos/") + name), "x");
    }
  }
  std::string path(const std::string& name) const { return folder_ / name; }

  // The entries' paths without the folder, with errors behind "!".
  std::vector<std::string> all(ImageList list) const {
    std::vector<std::string> names;
    while (const auto entry = list.next()) {
      names.push_back(entry->path.substr(path("").size()));
      if (!entry->error.empty()) names.back().insert(0, 1, '!');
    }
    return names;
  }

  test::TempDir folder_;
};

using Names = std::vector<std::string>;

TEST_F(ImageListTest, FilesAreAsTheyAre) {
  ImageList list({path("x.png"), path("y")}, "");
  EXPECT_EQ(list.count(), 2u);
  EXPECT_EQ(all(std::move(list)), (Names{"x.png", "y"}));
}

TEST_F(ImageListTest, FoldersGiveTheirPicturesByName) {
  ImageList list({path("photos"), path("z.png")}, "");
  EXPECT_EQ(list.count(), std::nullopt);
  EXPECT_EQ(all(std::move(list)),
            (Names{"photos/a.png", "photos/b.JPG", "photos/d.ppm", "photos/e[1].png", "z.png"}));
  std::filesystem::create_directory(folder_ / "none");
  EXPECT_EQ(all(ImageList({path("none"), path("z.png")}, "")), (Names{"!none", "z.png"}));
}

TEST_F(ImageListTest, PatternsAreLookedUpWhereThereIsNoFileOfThatName) {
  ImageList list({path("photos/*.png")}, "");
  EXPECT_EQ(list.count(), std::nullopt);
  EXPECT_EQ(all(std::move(list)), (Names{"photos/a.png", "photos/e[1].png"}));
  EXPECT_EQ(all(ImageList({path("photos/e[1].png")}, "")), Names{"photos/e[1].png"});
  EXPECT_EQ(all(ImageList({path("photos/[ad].p?[gm]")}, "")),
            (Names{"photos/a.png", "photos/d.ppm"}));
  EXPECT_EQ(all(ImageList({path("*.gif")}, "")), Names{"!*.gif"});
}

TEST_F(ImageListTest, NamesComeFromAFile) {
  test::write_bytes(folder_ / "list.txt",
                    path("1.png") + "\r\n\n" + path("photos") + "\n" + path("2.png"));
  ImageList list({path("0.png")}, path("list.txt"));
  EXPECT_EQ(list.count(), std::nullopt);
  EXPECT_EQ(all(std::move(list)), (Names{"0.png", "1.png", "photos/a.png", "photos/b.JPG",
                                         "photos/d.ppm", "photos/e[1].png", "2.png"}));
  EXPECT_THROW(ImageList({}, path("nothing.txt")), Failure);
  EXPECT_THROW(ImageList({}, path("photos")), Failure);
}

}  // namespace
}  // namespace lasso::app
