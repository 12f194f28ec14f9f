#include "cli/bus_error.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <csignal>
#include <cstddef>
#include <filesystem>
#include <string>

#include "cli/exit_codes.h"
#include "cli/model/child.h"
#include "core/file.h"
#include "support/files.h"

namespace lasso::app {
namespace {

constexpr std::size_t kPage = 4096;

// Reads the second page of a mapped file that has one left.
void read_what_is_gone(const std::string& path) {
  const auto file = MappedFile::open(path);
  std::filesystem::resize_file(path, kPage);
  static_cast<void>(*static_cast<const volatile std::byte*>(file->data() + kPage));
}

TEST(BusError, EndsWithTheFilesName) {
  const test::TempDir folder;
  const std::string path = folder / "a model.lasso";
  test::write_bytes(path, std::string(3 * kPage, 'x'));
  EXPECT_EXIT(
      {
        install_bus_error_handler();
        read_what_is_gone(path);
      },
      testing::ExitedWithCode(static_cast<int>(Exit::kBadModel)),
      "^lasso: error: /.*/a model.lasso: can't be read any more: it was cut short while in use\n$");
}

TEST(BusError, ChildrenAreSilent) {
  const test::TempDir folder;
  const std::string path = folder / "model.lasso";
  test::write_bytes(path, std::string(3 * kPage, 'x'));
  EXPECT_EXIT(
      {
        install_bus_error_handler();
        silence_bus_errors();
        read_what_is_gone(path);
      },
      testing::ExitedWithCode(static_cast<int>(Exit::kBadModel)), "^$");
}

TEST(BusError, AChildsBecomesItsParentsFailure) {
  const test::TempDir folder;
  const std::string path = folder / "model.lasso";
  test::write_bytes(path, std::string(3 * kPage, 'x'));
  install_bus_error_handler();
  Child child("model.lasso@fast", [&](Parent* /*parent*/) { read_what_is_gone(path); });
  try {
    child.next();
    ADD_FAILURE() << "no failure";
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.exit(), Exit::kBadModel);
    EXPECT_STREQ(failure.what(), "model.lasso@fast: the file was cut short while in use");
  }
}

TEST(BusError, OthersKillAsAlways) {
  EXPECT_EXIT(
      {
        install_bus_error_handler();
        std::raise(SIGBUS);
        std::exit(0);
      },
      testing::KilledBySignal(SIGBUS), "");
}

}  // namespace
}  // namespace lasso::app
