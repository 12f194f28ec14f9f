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

// Calls f(thread) once on each thread of the team. An exception must not leave a parallel region:
// the first one is kept and thrown again in the calling thread.
template <typename F>
void parallel(F&& f) {
  std::exception_ptr error;
  std::atomic_flag failed = ATOMIC_FLAG_INIT;
#pragma omp parallel
  {
    try {
      f(omp_get_thread_num(), omp_get_num_threads());
    } catch (...) {
      if (!failed.test_and_set()) error = std::current_exception();
    }
  }
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

// Calls f(i) for every i of [0, count); tasks are handed out one at a time, so that uneven ones
// balance. f must write only what belongs to task i.
template <typename F>
void parallel_tasks(std::int64_t count, F&& f) {
  std::atomic<std::int64_t> next{0};
  parallel([&](int, int) {
    for (std::int64_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) f(i);
  });
}

}  // namespace lasso

#endif  // LASSO_CORE_THREADS_H_
