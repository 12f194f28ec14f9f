// Broadcasting on GPUs: one element of the result for each position of a nest.
#ifndef LASSO_KERNELS_ELEMENTWISE_BROADCAST_CUH_
#define LASSO_KERNELS_ELEMENTWISE_BROADCAST_CUH_

#include <array>
#include <span>
#include <vector>

#include "kernels/cuda/nest.cuh"
#include "kernels/elementwise/broadcast.h"

namespace lasso::kernels::gpu {

constexpr int kBroadcastThreads = 256;

// Calls f(nest, positions, at, begin) for nests that a kernel takes, with the type that positions
// in them need: where the operands stand at its first one, and the place of its first result.
template <typename F>
void for_each_broadcast(const std::vector<BroadcastLoop>& broadcast, const F& f) {
  std::vector<Loop> loops;
  for (const BroadcastLoop& loop : broadcast) {
    loops.push_back({loop.count, {loop.strides[0], loop.strides[1], loop.strides[2]}});
  }
  if (positions(loops) == 0) return;
  Index begin = 0;
  for_each_nest(loops, {0, 0, 0}, [&](std::span<const Loop> inner, std::array<Index, 3> at) {
    const Index count = positions(inner);
    with_position_type(count, [&](auto zero) {
      using T = decltype(zero);
      f(Nest<T>(inner), static_cast<T>(count), at, begin);
    });
    begin += count;
  });
}

// y = f(a, b).
template <typename In, typename Out, typename F, typename T>
__global__ void combine(const In* a, const In* b, Out* y, const F f,
                        const __grid_constant__ Nest<T> nest, T positions) {
  for (T i = first_position<T>(); i < positions; i += position_step<T>()) {
    Index at_a = 0;
    Index at_b = 0;
    nest.move(i, at_a, at_b);
    y[i] = f(a[at_a], b[at_b]);
  }
}

template <typename In, typename Out, typename F>
void combine_all(const char* name, const std::vector<BroadcastLoop>& loops, const KernelArgs& args,
                 const F& f) {
  const auto* a = static_cast<const In*>(args.inputs[0]);
  const auto* b = static_cast<const In*>(args.inputs[1]);
  auto* y = static_cast<Out*>(args.outputs[0]);
  for_each_broadcast(loops, [&]<typename T>(const Nest<T>& nest, T positions,
                                            std::array<Index, 3> at, Index begin) {
    launch(name, combine<In, Out, F, T>, blocks_for(positions, kBroadcastThreads),
           kBroadcastThreads, 0, args, a + at[0], b + at[1], y + begin, f, nest, positions);
  });
}

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_ELEMENTWISE_BROADCAST_CUH_
