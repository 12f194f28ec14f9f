#include "core/threads.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "core/check.h"
#include "support/errors.h"

namespace lasso {
namespace {

using test::code_of;

TEST(Threads, RangesCoverEachIndexOnce) {
  for (const int threads : {1, 2, 3, 8}) {
    const ThreadLimit limit(threads);
    for (const std::int64_t count : {0, 1, 2, 7, 1000}) {
      std::vector<int> hits(static_cast<std::size_t>(count));
      parallel_ranges(count, [&](std::int64_t begin, std::int64_t end) {
        ASSERT_LT(begin, end);
        for (std::int64_t i = begin; i < end; ++i) ++hits[static_cast<std::size_t>(i)];
      });
      EXPECT_EQ(std::count(hits.begin(), hits.end(), 1), count);
      parallel_tasks(count, [&](std::int64_t i) { ++hits[static_cast<std::size_t>(i)]; });
      EXPECT_EQ(std::count(hits.begin(), hits.end(), 2), count);
    }
  }
}

TEST(Threads, TasksAreSharedAmongThoseWhoTakePart) {
  const ThreadLimit limit(4);
  for (const int threads : {1, 3, 4}) {
    for (const bool small : {true, false}) {
      std::vector<int> hits(100);
      std::atomic<int> runs{0};
      share_tasks(small, threads, [&](const auto& next, int thread) {
        EXPECT_LT(thread, small ? 1 : threads);
        ++runs;
        for (std::int64_t i = next(); i < 100; i = next()) ++hits[static_cast<std::size_t>(i)];
      });
      EXPECT_EQ(std::count(hits.begin(), hits.end(), 1), 100);
      EXPECT_LE(runs, small ? 1 : threads);
    }
  }
}

TEST(Threads, TheLimitIsRestored) {
  const int before = omp_get_max_threads();
  {
    const ThreadLimit limit(before + 3);
    EXPECT_EQ(omp_get_max_threads(), before + 3);
    std::atomic<int> calls{0};
    std::atomic<int> size{0};
    parallel([&](int thread, int threads) {
      EXPECT_LT(thread, threads);
      size = threads;
      ++calls;
    });
    EXPECT_EQ(calls, size);
  }
  EXPECT_EQ(omp_get_max_threads(), before);
}

TEST(Threads, ExceptionsReachTheCaller) {
  const ThreadLimit limit(4);
  const auto refuse = [](auto&&...) { fail(ErrorCode::kUnsupported, "no"); };
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(code_of([&] { parallel(refuse); }, "no"), ErrorCode::kUnsupported);
    EXPECT_EQ(code_of([&] { parallel_ranges(100, refuse); }, "no"), ErrorCode::kUnsupported);
    EXPECT_EQ(code_of([&] { parallel_tasks(100, refuse); }, "no"), ErrorCode::kUnsupported);
  }
  std::atomic<int> done{0};
  EXPECT_EQ(code_of(
                [&] {
                  parallel_tasks(1000, [&](std::int64_t i) {
                    if (i == 3) fail(ErrorCode::kInternal, "third");
                    ++done;
                  });
                },
                "third"),
            ErrorCode::kInternal);
  EXPECT_LE(done, 999);
  // The team serves on.
  std::atomic<int> sum{0};
  parallel_tasks(10, [&](std::int64_t i) { sum += static_cast<int>(i); });
  EXPECT_EQ(sum, 45);
}

// What f() returns in a child of this process; -1 if it does not end within a minute.
template <typename F>
int in_child(F&& f) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    int result = 99;
    try {
      result = f();
    } catch (...) {
    }
    _exit(result);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int threads_that_add_up() {
  std::atomic<int> sum{0};
  std::atomic<int> team{0};
  for (int i = 0; i < 3; ++i) {  // the second region waits for the first one's threads
    parallel([&](int, int threads) {
      ++sum;
      team = threads;
    });
  }
  return sum == 3 * team ? team.load() : 98;
}

int threads_of_a_library() {
  std::atomic<int> sum{0};
  with_team([&] {
#pragma omp parallel num_threads(4)
    ++sum;
  });
  return sum;
}

// OpenMP may give fewer threads than it is asked for, and LLVM's does in a child.
void expect_team(int threads, int asked) {
  EXPECT_GE(threads, std::min(2, available_cores()));
  EXPECT_LE(threads, asked);
}

TEST(Threads, AChildOfAProcessWithATeamHasOneOfItsOwn) {
  const ThreadLimit limit(3);
  EXPECT_EQ(threads_that_add_up(), 3);
  EXPECT_FALSE(team_is_lost());
  expect_team(in_child([] { return team_is_lost() ? threads_that_add_up() : 97; }), 3);
  expect_team(in_child([] {
                return in_child([] {
                  const ThreadLimit other(2);
                  return threads_that_add_up();
                });
              }),
              2);
  // A thread that the child starts has never had a team to lose.
  expect_team(in_child([] {
                int team = 0;
                std::thread([&] {
                  const ThreadLimit other(2);
                  team = team_is_lost() ? 97 : threads_that_add_up();
                }).join();
                return team;
              }),
              2);
  // Libraries' own regions ask for as many threads as they were made for.
  expect_team(in_child(threads_of_a_library), 4);
  EXPECT_EQ(in_child([] {
              try {
                with_team([] { fail(ErrorCode::kUnsupported, "no"); });
              } catch (const Error&) {
                return 42;
              }
              return 0;
            }),
            42);
}

// OpenMP reads the variable when a program starts, so that each value needs a process.
TEST(Threads, OpenMpBoundsTheDefaultNumber) {
  const int cores = available_cores();
  {
    const ThreadLimit limit(cores);
    EXPECT_EQ(default_threads(), cores);
  }
  {
    const ThreadLimit limit(1);
    EXPECT_EQ(default_threads(), 1);
  }
  {
    const ThreadLimit limit(cores + 5);
    EXPECT_EQ(default_threads(), cores);
  }
}

TEST(Threads, ThereIsACore) {
  EXPECT_GE(available_cores(), 1);
  EXPECT_LE(available_cores(), static_cast<int>(sysconf(_SC_NPROCESSORS_CONF)));
}

}  // namespace
}  // namespace lasso
