// Pool2d. Bytes over bandwidth on an H200: YOLOv7's largest halving, [320, 320, 128] in float32, is
// 52 MB read and 13 MB written, 15 us at 4.3 TB/s. Operations over peak: less than 0.1 for windows
// of 2 x 2; for the 13 x 13 of [20, 20, 512] they are 35 million reads, most of them from L1.
#include "kernels/cuda/nest.cuh"
#include "kernels/pool/pool_cuda.h"

namespace lasso::kernels {

namespace {

using gpu::Index;
using graph::PoolKind;

constexpr int kThreads = 256;

// Positions in the result, in vectors of channels.
template <typename T>
struct PoolNest {
  gpu::Divider<T> vectors, columns, rows;
};

// A thread for kWidth channels of a window. The window's pixels are visited in the reference's
// order, and of several NaNs the first one stays.
template <PoolKind kKind, typename Number, int kWidth, typename T>
__global__ void __launch_bounds__(kThreads)
    pool(const Number* __restrict__ x, Number* __restrict__ y,
         const __grid_constant__ Pool2dProblem p, const __grid_constant__ PoolNest<T> nest,
         T count) {
  for (T at = gpu::first_position<T>(); at < count; at += gpu::position_step<T>()) {
    const T pixel = nest.vectors.quotient(at);
    const T line = nest.columns.quotient(pixel);
    const T image = nest.rows.quotient(line);
    const auto channel = static_cast<Index>(at - pixel * nest.vectors.divisor) * kWidth;
    const auto i = static_cast<Index>(line - image * nest.rows.divisor);
    const auto j = static_cast<Index>(pixel - line * nest.columns.divisor);
    gpu::Vector<Number, kWidth> result;
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      result.values[k] = gpu::from_float<Number>(kKind == PoolKind::kMax ? -INFINITY : 0.0F);
    }
    const Number* from = x + static_cast<Index>(image) * p.h.size * p.w.size * p.channels + channel;
    const Index u_end = p.h.end_inside(i);
    const Index v_begin = p.w.first_inside(j);
    const Index v_end = p.w.end_inside(j);
    for (Index u = p.h.first_inside(i); u < u_end; ++u) {
      const Index row = (p.h.begin(i) + u * p.h.dilation) * p.w.size;
      for (Index v = v_begin; v < v_end; ++v) {
        const auto values =
            gpu::load_vector<kWidth>(from + (row + p.w.begin(j) + v * p.w.dilation) * p.channels);
#pragma unroll
        for (int k = 0; k < kWidth; ++k) {
          if constexpr (kKind == PoolKind::kMax) {
            const float so_far = gpu::to_float(result.values[k]);
            const bool stays = gpu::to_float(values.values[k]) <= so_far || so_far != so_far;
            if (!stays) result.values[k] = values.values[k];
          } else {
            result.values[k] += values.values[k];
          }
        }
      }
    }
    if constexpr (kKind == PoolKind::kAverage) {
      const auto divisor =
          static_cast<float>(p.h.divisor(i, p.count_padding) * p.w.divisor(j, p.count_padding));
#pragma unroll
      for (int k = 0; k < kWidth; ++k) result.values[k] /= divisor;
    }
    gpu::store_vector(y + static_cast<Index>(at) * kWidth, result);
  }
}

template <PoolKind kKind, typename Number, int kWidth>
void launch_pool(const Pool2dProblem& p, const KernelArgs& args) {
  const Index count = p.count() / kWidth;
  gpu::with_position_type(count, [&](auto zero) {
    using T = decltype(zero);
    PoolNest<T> nest;
    nest.vectors = gpu::Divider<T>(p.channels / kWidth);
    nest.columns = gpu::Divider<T>(p.w.result);
    nest.rows = gpu::Divider<T>(p.h.result);
    gpu::launch("pool2d", pool<kKind, Number, kWidth, T>, gpu::blocks_for(count, kThreads),
                kThreads, 0, args, static_cast<const Number*>(args.inputs[0]),
                static_cast<Number*>(args.outputs[0]), p, nest, static_cast<T>(count));
  });
}

// kVectors: of 16 bytes.
template <bool kVectors>
void run(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<Pool2dProblem>&>(state).problem;
  if (p.count() == 0) return;
  if (p.kind == PoolKind::kAverage) {
    return launch_pool < PoolKind::kAverage, float, kVectors ? 4 : 1 > (p, args);
  }
  gpu::with_float_type(p.dtype, [&](auto* pointer) {
    using Number = std::remove_pointer_t<decltype(pointer)>;
    constexpr int kWidth = kVectors ? 16 / sizeof(Number) : 1;
    launch_pool<PoolKind::kMax, Number, kWidth>(p, args);
  });
}

Offer offer(const Pool2dProblem& p, const TargetInfo& /*target*/) {
  if (p.dtype == DType::kF32 || (p.kind == PoolKind::kMax && is_half(p.dtype))) return {};
  return Offer::no(is_half(p.dtype) ? "means of numbers other than float32" : "numbers of 8 bits");
}

Offer offer_vectors(const Pool2dProblem& p, const TargetInfo& target) {
  if (Offer refused = offer(p, target); !refused) return refused;
  const auto width = static_cast<std::int64_t>(16 / size_of(p.dtype));
  return p.channels % width == 0 ? Offer{} : Offer::no("pixels of no multiple of 16 bytes");
}

}  // namespace

const std::vector<Kernel<Pool2dProblem>>& pool2d_cuda_kernels() {
  static const std::vector<Kernel<Pool2dProblem>> list{
      {"vectors", Needs::gpu(), offer_vectors, nullptr, create_problem_state<Pool2dProblem>,
       run<true>},
      {"plain", Needs::gpu(), offer, nullptr, create_problem_state<Pool2dProblem>, run<false>}};
  return list;
}

}  // namespace lasso::kernels
