// Elements of a result divided between the threads of the CPU.
#ifndef LASSO_KERNELS_ELEMENTWISE_BROADCAST_RUN_H_
#define LASSO_KERNELS_ELEMENTWISE_BROADCAST_RUN_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/threads.h"
#include "kernels/elementwise/broadcast.h"

namespace lasso::kernels {

// Calls part(begin, end) on the ranges of [0, count), in this thread alone where there is little to
// do. Ranges begin at multiples of a cache line of float32, so that no two threads write to one.
template <typename F>
void divide_elements(std::int64_t count, const F& part) {
  constexpr std::int64_t kSmall = 16384;
  constexpr std::int64_t kLine = 16;
  if (count <= kSmall) {
    part(std::int64_t{0}, count);
    return;
  }
  parallel_ranges((count + kLine - 1) / kLine, [&](std::int64_t begin, std::int64_t end) {
    part(begin * kLine, std::min(end * kLine, count));
  });
}

// Calls run(places, begin, count) for runs of the result's elements within the inner loop, which
// are divided between the threads; the places are those of the run's first element.
template <typename F>
void for_each_run(const std::vector<BroadcastLoop>& loops, const F& run) {
  const std::int64_t inner = loops.back().count;
  divide_elements(count_of(loops), [&](std::int64_t begin, std::int64_t end) {
    while (begin < end) {
      const std::int64_t count = std::min(inner - begin % inner, end - begin);
      run(places_of(loops, begin), begin, count);
      begin += count;
    }
  });
}

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_ELEMENTWISE_BROADCAST_RUN_H_
