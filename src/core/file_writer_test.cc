#include "core/file_writer.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <string>

#include "core/file.h"
#include "support/errors.h"
#include "support/files.h"

namespace lasso {
namespace {

using test::code_of;

TEST(FileWriter, WritesFromTheBeginning) {
  const test::TempDir folder;
  write_file(folder / "a", "what was there before");
  FileWriter out(folder / "a", "a");
  out.append("one ");
  out.append("two", 3);
  out.append(nullptr, 0);
  out.close();
  EXPECT_EQ(read_file(folder / "a"), "one two");
}

TEST(FileWriter, SaysTheSystemsReason) {
  const std::string text(100, 'x');
  EXPECT_EQ(code_of(
                [&] {
                  FileWriter out("/dev/full", "result.npy");
                  out.append(text);
                },
                "result.npy: can't be written: No space left on device"),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([] { FileWriter("/no/such/folder/a", "a"); }, "No such file or directory"),
            ErrorCode::kInvalidArgument);
}

// What fits before the limit is written by a short count, and the next call says why.
TEST(FileWriter, StopsAtTheLimitOfFileSizes) {
  const test::TempDir folder;
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto signal_before = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1000, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const ErrorCode code =
      code_of([&] { write_file(folder / "a", std::string(1001, 'x')); }, "File too large");
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, signal_before);
  EXPECT_EQ(code, ErrorCode::kInvalidArgument);
  EXPECT_THROW(read_file(folder / "a"), Error);
}

}  // namespace
}  // namespace lasso
