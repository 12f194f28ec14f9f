#include "core/threads.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
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

TEST(Threads, ThereIsACore) {
  EXPECT_GE(available_cores(), 1);
  EXPECT_LE(available_cores(), static_cast<int>(sysconf(_SC_NPROCESSORS_CONF)));
}

}  // namespace
}  // namespace lasso
