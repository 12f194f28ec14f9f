// A GPU that is lost ends the work on it, each with an error of its own; the CPU's goes on. In a
// child, since a process does not get a lost GPU back.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "gpu/gpu_test.h"
#include "gpu/micro.h"
#include "gpu/trap.h"

namespace lasso {
namespace {

// What the child says by its exit status.
enum Outcome : int { kRight = 0, kNoGpu = 77 };

// Whether `work` throws that the device failed.
template <typename Work>
bool fails(const char* what, const Work& work) {
  try {
    work();
  } catch (const Error& error) {
    std::printf("%s: %s\n", what, error.what());
    return error.code() == ErrorCode::kDevice;
  }
  std::printf("%s: no error\n", what);
  return false;
}

int lose_the_device() {
  std::string reason;
  const auto device = test::gpu(&reason);
  if (device == nullptr) {
    std::printf("no GPU: %s\n", reason.c_str());
    return kNoGpu;
  }
  const auto there = test::micro({device});
  const auto here = test::micro({});
  engine::Session first(there, {});
  engine::Session second(there, {});
  engine::Session cpu(here, {});
  const std::vector<float> expected = test::encode(cpu, 1);
  test::encode(first, 1);
  test::encode(second, 1);
  const backend::KernelState state;
  first.stream().launch(test::launch_trap, state, {});
  bool right = fails("the session whose kernel trapped", [&] { first.wait(); });
  right = fails("another session", [&] { test::encode(second, 1); }) && right;
  right = fails("the first one again", [&] { test::encode(first, 1); }) && right;
  right = fails("a new one", [&] { engine::Session(there, {}); }) && right;
  const bool goes_on = test::encode(cpu, 1) == expected;
  std::printf("the CPU's: %s\n", goes_on ? "the same result" : "another result");
  std::fflush(stdout);
  return right && goes_on ? kRight : 1;
}

TEST(LostDevice, EndsItsWorkAndLeavesTheCpus) {
  std::fflush(stdout);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    int outcome = 1;
    try {
      outcome = lose_the_device();
    } catch (const std::exception& error) {
      std::printf("%s\n", error.what());
      std::fflush(stdout);
    }
    _exit(outcome);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << "ended by signal " << WTERMSIG(status);
  if (WEXITSTATUS(status) == kNoGpu) GTEST_SKIP() << "no GPU: see above";
  EXPECT_EQ(WEXITSTATUS(status), kRight);
}

}  // namespace
}  // namespace lasso
