// Parallel loops on the one OpenMP team of the process, the one that oneDNN uses too.
#ifndef LASSO_CORE_THREADS_H_
#define LASSO_CORE_THREADS_H_

#include <omp.h>

#include <atomic>
#include <cstdint>
#include <exception>

namespace lasso {

// Physical cores that the process may run on: the affinity mask, the cgroup's CPU quota and
// hyper-threads taken into account. At least 1.
int available_cores();

// How many threads are used where nobody says how many: the cores, but no more than OpenMP would
// use in the calling thread, which OMP_NUM_THREADS (the first of its numbers) or
// omp_set_num_threads() tell.
int default_threads();

// True in a process that was forked from one with several threads, in the thread that lives on: GNU
// OpenMP believes that the threads of its team do, too, and waits for them for ever.
bool team_is_lost() noexcept;

// Sets the number of threads of parallel regions that the calling thread starts, and restores it.
class ThreadLimit {
 public:
  explicit ThreadLimit(int threads) : before_(omp_get_max_threads()) {
    omp_set_num_threads(threads);
  }
  ~ThreadLimit() { omp_set_num_threads(before_); }
  ThreadLimit(const ThreadLimit&) = delete;
  ThreadLimit& operator=(const ThreadLimit&) = delete;

 private:
  int before_;
};

// Calls f(), in which parallel regions have a team, also after a fork: inside another region, of
// one thread here, OpenMP starts new threads for each. That takes longer than waking a team up.
// What f throws is thrown again.
template <typename F>
void with_team(F&& f) {
  if (!team_is_lost() || omp_get_level() > 0) {
    f();
    return;
  }
  const int threads = omp_get_max_threads();
  std::exception_ptr error;
#pragma omp parallel num_threads(1)
  {
    try {
      const ThreadLimit limit(threads);
      f();
    } catch (...) {
      error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
}

// Calls f(thread, threads) once on each thread of the team. An exception must not leave a parallel
// region: the first one is kept and thrown again in the calling thread.
template <typename F>
void parallel(F&& f) {
  std::exception_ptr error;
  std::atomic_flag failed = ATOMIC_FLAG_INIT;
  with_team([&] {
#pragma omp parallel
    {
      try {
        f(omp_get_thread_num(), omp_get_num_threads());
      } catch (...) {
        if (!failed.test_and_set()) error = std::current_exception();
      }
    }
  });
  if (error) std::rethrow_exception(error);
}

// Calls f(begin, end) on disjoint ranges that cover [0, count), one per thread. The split depends
// on count and the number of threads only, so that results are the same bits from run to run.
template <typename F>
void parallel_ranges(std::int64_t count, F&& f) {
  parallel([&](int thread, int threads) {
    const std::int64_t begin = count * thread / threads;
    const std::int64_t end = count * (thread + 1) / threads;
    if (begin < end) f(begin, end);
  });
}

// Calls f(thread, begin, end) on such ranges, some of which may be empty; where the work is small,
// on one for all, as thread 0: to wake the team takes some microseconds.
template <typename F>
void parallel_ranges_unless(bool small, std::int64_t count, F&& f) {
  if (small) {
    f(0, std::int64_t{0}, count);
    return;
  }
  parallel([&](int thread, int threads) {
    f(thread, count * thread / threads, count * (thread + 1) / threads);
  });
}

// Calls f(i) for every i of [0, count); tasks are handed out one at a time, so that uneven ones
// balance. f must write only what belongs to task i.
template <typename F>
void parallel_tasks(std::int64_t count, F&& f) {
  std::atomic<std::int64_t> next{0};
  parallel([&](int, int) {
    for (std::int64_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) f(i);
  });
}

// Calls run(next, thread) on each of at most `threads` threads, or, where the work is small, on one
// as thread 0; next() gives tasks until it gives none, which is a number of tasks or more. For
// tasks whose threads keep something from one to the next; a team may be larger than planned for,
// and what lies beyond has no memory.
template <typename Run>
void share_tasks(bool small, int threads, Run&& run) {
  std::atomic<std::int64_t> count{0};
  const auto next = [&] { return count.fetch_add(1); };
  if (small) {
    run(next, 0);
    return;
  }
  parallel([&](int thread, int /*team*/) {
    if (thread < threads) run(next, thread);
  });
}

}  // namespace lasso

#endif  // LASSO_CORE_THREADS_H_
