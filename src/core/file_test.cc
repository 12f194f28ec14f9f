#include "core/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/check.h"
#include "support/errors.h"
#include "support/files.h"

namespace lasso {
namespace {

using test::code_of;

TEST(ByteReader, ReadsLittleEndianNumbersInOrder) {
  const std::string bytes("\x01\x02\x03\x04\x05\x06\x07name", 11);
  ByteReader reader(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size(), "f.bin");
  EXPECT_EQ(reader.read<std::uint8_t>(), 1);
  EXPECT_EQ(reader.read<std::uint16_t>(), 0x0302);
  EXPECT_EQ(reader.read<std::uint32_t>(), 0x07060504u);
  EXPECT_EQ(reader.position(), 7u);
  EXPECT_EQ(reader.remaining(), 4u);
  EXPECT_EQ(reader.text(4), "name");
  EXPECT_EQ(reader.text(0), "");
  EXPECT_EQ(reader.remaining(), 0u);
}

TEST(ByteReader, NeverLeavesItsBytes) {
  const std::string bytes(10, 'x');
  ByteReader reader(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size(), "f.bin");
  const auto corrupt = ErrorCode::kCorruptFile;
  EXPECT_EQ(code_of([&] { reader.seek(11); }, "f.bin"), corrupt);
  reader.seek(10);
  EXPECT_EQ(code_of([&] { reader.read<std::uint8_t>(); }, "offset 10"), corrupt);
  reader.seek(3);
  EXPECT_EQ(code_of([&] { reader.read<std::uint64_t>(); }, "8 bytes"), corrupt);
  // A failed read moves nothing, and a length near the largest number does not wrap around.
  EXPECT_EQ(reader.position(), 3u);
  EXPECT_EQ(code_of([&] { reader.take(8); }, "7 are left"), corrupt);
  const std::size_t most = std::numeric_limits<std::size_t>::max();
  for (const std::size_t length : {most, most - 2, most - 3}) {
    EXPECT_EQ(code_of([&] { reader.take(length); }, "f.bin"), corrupt);
    EXPECT_EQ(code_of([&] { reader.seek(length); }, "f.bin"), corrupt);
  }
  EXPECT_EQ(reader.take(7), reinterpret_cast<const std::byte*>(bytes.data()) + 3);
  ByteReader empty(nullptr, 0, "empty");
  EXPECT_EQ(code_of([&] { empty.read<std::uint8_t>(); }, "empty"), corrupt);
}

// A folder of its own for each test, removed afterwards.
class FileTest : public testing::Test {
 protected:
  ~FileTest() override { chmod(path("").c_str(), 0700); }

  std::string path(const std::string& name) const { return folder_ / name; }
  std::string content(const std::string& name) const { return test::read_bytes(path(name)); }
  std::set<std::string> names() const {
    std::set<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(path(""))) {
      found.insert(entry.path().filename().string());
    }
    return found;
  }

 private:
  test::TempDir folder_;
};

TEST_F(FileTest, MappedFilesShowTheirBytes) {
  const std::string text(10000, 'a');
  write_file(path("a"), text);
  const auto file = MappedFile::open(path("a"));
  ASSERT_EQ(file->size(), text.size());
  EXPECT_EQ(file->path(), path("a"));
  EXPECT_EQ(std::memcmp(file->data(), text.data(), text.size()), 0);
  // Ranges outside the file are ignored; those inside are read again.
  file->release(file->data(), file->size());
  file->release(file->data() + 9999, 100);
  file->release(file->data(), std::numeric_limits<std::size_t>::max());
  EXPECT_EQ(std::memcmp(file->data(), text.data(), text.size()), 0);
  write_file(path("empty"), "");
  EXPECT_EQ(MappedFile::open(path("empty"))->size(), 0u);
}

TEST_F(FileTest, WholeFilesAndTheirLimit) {
  const std::string text(200000, 'a');
  write_file(path("a"), text);
  EXPECT_EQ(read_file(path("a")), text);
  EXPECT_EQ(read_file(path("a"), text.size()), text);
  EXPECT_EQ(code_of([&] { read_file(path("a"), text.size() - 1); }, path("a") + ": has more than"),
            ErrorCode::kUnsupported);
  write_file(path("empty"), "");
  EXPECT_EQ(read_file(path("empty")), "");
  EXPECT_EQ(code_of([&] { read_file(path("missing")); }, path("missing")), ErrorCode::kNotFound);
  EXPECT_EQ(code_of([&] { read_file(path("")); }, "is a folder"), ErrorCode::kNotFound);
  // What has no size, or no end.
  EXPECT_FALSE(read_file("/proc/self/status").empty());
  EXPECT_EQ(code_of([&] { read_file("/dev/zero", 1000000); }, "/dev/zero: has more than 1000000"),
            ErrorCode::kUnsupported);
}

TEST_F(FileTest, PipesAreReadToTheirEnd) {
  const std::string text(300000, 'p');
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  std::thread writer([&] {
    std::size_t sent = 0;
    while (sent < text.size()) {
      const ssize_t bytes = write(ends[1], text.data() + sent, text.size() - sent);
      if (bytes <= 0) break;
      sent += static_cast<std::size_t>(bytes);
    }
    close(ends[1]);
  });
  EXPECT_EQ(read_descriptor(ends[0], "stdin"), text);
  writer.join();
  close(ends[0]);
  EXPECT_EQ(code_of([&] { read_descriptor(ends[0], "stdin"); }, "stdin: "), ErrorCode::kNotFound);
}

TEST_F(FileTest, MapsTellWhetherTheirFileBecameShorter) {
  write_file(path("a"), std::string(10000, 'a'));
  const auto file = MappedFile::open(path("a"));
  file->check_size();
  std::filesystem::resize_file(path("a"), 10001);
  file->check_size();
  std::filesystem::resize_file(path("a"), 9999);
  EXPECT_ERROR(file->check_size(), ErrorCode::kCorruptFile,
               path("a") + ": has 9999 bytes, and had 10000 when it was opened");
  std::filesystem::resize_file(path("a"), 10000);
  file->check_size();
  write_file(path("a"), "another");  // under the same name
  file->check_size();
  std::filesystem::remove(path("a"));
  file->check_size();
}

// As daemons do: nothing is known of the file then, and its number may be another file's.
TEST_F(FileTest, MapsOutliveTheirDescriptors) {
  write_file(path("a"), std::string(10000, 'a'));
  write_file(path("short"), "short");
  const auto run = [&] {
    auto file = MappedFile::open(path("a"));
    for (int fd = 3; fd < 100; ++fd) close(fd);
    file->check_size();
    std::vector<int> others;
    for (int i = 0; i < 100; ++i) others.push_back(::open(path("short").c_str(), O_RDONLY));
    file->check_size();
    file.reset();
    for (const int other : others) {
      if (fcntl(other, F_GETFD) < 0) std::exit(1);  // it was closed
    }
    std::exit(0);
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(0), "");
}

TEST_F(FileTest, WhatIsNoFileIsNotFound) {
  const auto open = [&](const std::string& file) {
    return code_of([&] { MappedFile::open(file); }, file);
  };
  EXPECT_EQ(open(path("missing")), ErrorCode::kNotFound);
  EXPECT_EQ(open(path("")), ErrorCode::kNotFound);
  ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(open(path("pipe")), ErrorCode::kNotFound);  // and does not wait for a writer
}

TEST_F(FileTest, WritesReplaceTheWholeFile) {
  write_file(path("a"), "first, and longer");
  write_file(path("a"), "second");
  EXPECT_EQ(content("a"), "second");
  EXPECT_EQ(names(), std::set<std::string>{"a"});
  struct stat status {};
  ASSERT_EQ(stat(path("a").c_str(), &status), 0);
  const mode_t mask = umask(0);
  umask(mask);
  EXPECT_EQ(status.st_mode & 0777u, 0666u & ~mask);
}

TEST_F(FileTest, AFailedWriteLeavesNothingBehind) {
  write_file(path("a"), "old");
  const auto interrupted = [&](const std::string& temporary) {
    std::ofstream(temporary) << "half of the n";
    fail(ErrorCode::kDevice, "interrupted");
  };
  EXPECT_EQ(code_of([&] { write_atomically(path("a"), interrupted); }, "interrupted"),
            ErrorCode::kDevice);
  EXPECT_EQ(code_of([&] { write_atomically(path("b"), interrupted); }, "interrupted"),
            ErrorCode::kDevice);
  EXPECT_EQ(content("a"), "old");
  EXPECT_EQ(names(), std::set<std::string>{"a"});
}

TEST_F(FileTest, AKilledWriteLeavesTheOldFileAndNothingElse) {
  write_file(path("a"), "old");
  const pid_t child = fork();
  if (child == 0) {
    write_atomically(path("a"), [](const std::string& temporary) {
      std::ofstream(temporary) << "half of the n";
      raise(SIGKILL);
    });
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(content("a"), "old");
  // Where the file system has no unnamed files, the temporary one stays.
  const int unnamed = open(path(".").c_str(), O_TMPFILE | O_RDWR, 0600);
  if (unnamed < 0) GTEST_SKIP() << "no unnamed files here";
  close(unnamed);
  EXPECT_EQ(names(), std::set<std::string>{"a"});
}

TEST_F(FileTest, PlacesThatCannotBeWrittenAreNamed) {
  std::filesystem::create_directory(path("folder"));
  const auto code = [&](const std::string& file) {
    return code_of([&] { write_file(file, "x"); }, file);
  };
  EXPECT_EQ(code(path("missing/a")), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(path("folder")), ErrorCode::kInvalidArgument);  // the rename fails
  EXPECT_EQ(names(), std::set<std::string>{"folder"});
}

TEST(WriteAtomically, TakesNamesAsLongAsTheyMayBe) {
  const test::TempDir folder;
  const std::string longest = folder / std::string(255, 'a');
  write_file(longest, "x");
  write_file(longest, "y");  // replaced, not only made
  EXPECT_EQ(read_file(longest), "y");
  std::string characters;  // 85 of three bytes
  for (int i = 0; i < 85; ++i) characters += "\u5716";
  write_file(folder / characters, "z");
  EXPECT_EQ(read_file(folder / characters), "z");
  bool is_asked = false;
  const auto write = [&](const std::string& name) {
    return code_of([&] { write_atomically(folder / name, [&](auto&&) { is_asked = true; }); },
                   "the name has 256 bytes, and the file system takes 255");
  };
  EXPECT_EQ(write(std::string(256, 'a')), ErrorCode::kInvalidArgument);
  EXPECT_FALSE(is_asked) << "before the work begins";
  std::string path = folder / "";
  while (path.size() < 4096) path += "a/";
  EXPECT_EQ(code_of([&] { check_name_length(path + "a"); }, "the system takes 4095"),
            ErrorCode::kInvalidArgument);
}

// On file systems with unnamed files the temporary name is seen only between linking and renaming.
TEST(WriteAtomically, TemporaryNamesAreNoLongerThanTheFiles) {
  const test::TempDir folder;
  const int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  ASSERT_GE(watch, 0);
  ASSERT_GE(inotify_add_watch(watch, (folder / "").c_str(), IN_CREATE | IN_MOVED_FROM), 0);
  std::size_t seen = 0;
  for (const std::string& name :
       {std::string("a"), std::string("a.png"), std::string("fifteen_bytes__"),
        std::string("sixteen_bytes__."), std::string(143, 'b'), std::string(255, 'c')}) {
    write_file(folder / name, "x");
    alignas(inotify_event) char events[4096];
    const ssize_t bytes = read(watch, events, sizeof(events));
    for (ssize_t at = 0; at < bytes;) {
      const auto* event = reinterpret_cast<const inotify_event*>(events + at);
      EXPECT_LE(std::strlen(event->name), name.size()) << event->name;
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      ++seen;
    }
  }
  EXPECT_GE(seen, 6u);
  close(watch);
}

TEST(WriteAtomically, FollowsLinksAndRefusesWhatIsNoFile) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / fmt::format("lasso_core_links_{}", getpid());
  std::filesystem::create_directories(folder);
  std::filesystem::create_symlink("later", folder / "link");
  for (const char* content : {"one", "two"}) {  // the target does not exist, then it does
    write_file((folder / "link").string(), content);
    EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
    std::string text;
    std::ifstream(folder / "later") >> text;
    EXPECT_EQ(text, content);
  }
  const std::string pipe = (folder / "pipe").string();
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(code_of([&] { write_file(pipe, "x"); }, "not a regular file"),
            ErrorCode::kInvalidArgument);
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));
  // Links in circles lead to no file, and stay what they are.
  std::filesystem::create_symlink("there", folder / "back");
  std::filesystem::create_symlink("back", folder / "there");
  EXPECT_EQ(code_of([&] { write_file((folder / "there").string(), "x"); }, "not a regular file"),
            ErrorCode::kInvalidArgument);
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "there"));
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "back"));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace lasso
