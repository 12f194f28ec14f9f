// Runs of pairs of elements as loops that the compiler makes vectors of: what is computed is known
// to it, and which operand is repeated.
#ifndef LASSO_KERNELS_ELEMENTWISE_PAIRS_H_
#define LASSO_KERNELS_ELEMENTWISE_PAIRS_H_

#include <cstdint>
#include <vector>

#include "backend/launch.h"
#include "kernels/elementwise/broadcast_run.h"

namespace lasso::kernels {

// y[i] = f(a[i], b[i]); an operand of stride 0 stands for its first element.
template <typename In, typename Out, typename F>
void combine_run(const In* a, std::int64_t a_stride, const In* b, std::int64_t b_stride, Out* y,
                 std::int64_t count, const F& f) {
  if (a_stride == 0) {
    const In first = *a;
    for (std::int64_t i = 0; i < count; ++i) y[i] = f(first, b[i * b_stride]);
  } else if (b_stride == 0) {
    const In second = *b;
    for (std::int64_t i = 0; i < count; ++i) y[i] = f(a[i], second);
  } else {
    for (std::int64_t i = 0; i < count; ++i) y[i] = f(a[i], b[i]);
  }
}

// y = f(a, b) with broadcasting, for all threads together.
template <typename In, typename Out, typename F>
void combine_all(const std::vector<BroadcastLoop>& loops, const backend::KernelArgs& args,
                 const F& f) {
  const auto* a = static_cast<const In*>(args.inputs[0]);
  const auto* b = static_cast<const In*>(args.inputs[1]);
  auto* y = static_cast<Out*>(args.outputs[0]);
  const Places strides = loops.back().strides;
  for_each_run(loops, [&](const Places& at, std::int64_t begin, std::int64_t count) {
    combine_run(a + at[0], strides[0], b + at[1], strides[1], y + begin, count, f);
  });
}

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_ELEMENTWISE_PAIRS_H_
