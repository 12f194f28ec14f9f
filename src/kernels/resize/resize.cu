// Resize. Bytes over bandwidth on an H200: four masks of [256, 256] to [1024, 1024] in float32 are
// 4 MB read and 17 MB written, 5 us at 4.3 TB/s. Operations over peak: 100 for each pixel, most of
// them for where it stands, 0.4 us at 60 T/s; with cubic weights five times as many.
#include "kernels/cuda/nest.cuh"
#include "kernels/resize/resize_cuda.h"

namespace lasso::kernels {

namespace {

using gpu::Index;
using graph::ResizeMode;

constexpr int kThreads = 256;

// Positions in the result, in vectors of channels.
template <typename T>
struct ResizeNest {
  gpu::Divider<T> vectors, columns, rows;
};

// A thread for kWidth channels of a pixel.
template <ResizeMode kMode, bool kDouble, typename Number, int kWidth, typename T>
__global__ void __launch_bounds__(kThreads)
    resize(const Number* __restrict__ x, Number* __restrict__ y,
           const __grid_constant__ ResizeProblem p, const __grid_constant__ ResizeNest<T> nest,
           T count) {
  constexpr int kTaps = taps_of(kMode, kDouble);
  for (T at = gpu::first_position<T>(); at < count; at += gpu::position_step<T>()) {
    const T pixel = nest.vectors.quotient(at);
    const T line = nest.columns.quotient(pixel);
    const T image = nest.rows.quotient(line);
    const auto channel = static_cast<Index>(at - pixel * nest.vectors.divisor) * kWidth;
    const ResizeSamples rows =
        row_samples(p, kMode, kDouble, static_cast<Index>(line - image * nest.rows.divisor));
    const ResizeSamples columns =
        column_samples(p, kMode, kDouble, static_cast<Index>(pixel - line * nest.columns.divisor));
    const Number* from =
        x + static_cast<Index>(image) * p.rows() * p.columns() * p.channels + channel;
    const auto load = [&](int u, int v) {
      return gpu::load_vector<kWidth>(from + (rows.places[u] * p.columns() + columns.places[v]) *
                                                 p.channels);
    };
    gpu::Vector<Number, kWidth> result = {};
    if constexpr (kTaps == 1) {
      result = load(0, 0);
    } else {
#pragma unroll
      for (int v = 0; v < kTaps; ++v) {
        gpu::Vector<Number, kWidth> column = {};
#pragma unroll
        for (int u = 0; u < kTaps; ++u) {
          const auto values = load(u, v);
#pragma unroll
          for (int k = 0; k < kWidth; ++k) column.values[k] += rows.weights[u] * values.values[k];
        }
#pragma unroll
        for (int k = 0; k < kWidth; ++k) result.values[k] += columns.weights[v] * column.values[k];
      }
    }
    gpu::store_vector(y + static_cast<Index>(at) * kWidth, result);
  }
}

template <ResizeMode kMode, bool kDouble, typename Number, int kWidth>
void launch_mode(const ResizeProblem& p, const KernelArgs& args) {
  const Index count = p.count() / kWidth;
  gpu::with_position_type(count, [&](auto zero) {
    using T = decltype(zero);
    ResizeNest<T> nest;
    nest.vectors = gpu::Divider<T>(p.channels / kWidth);
    nest.columns = gpu::Divider<T>(p.w.result);
    nest.rows = gpu::Divider<T>(p.h.result);
    gpu::launch("resize", resize<kMode, kDouble, Number, kWidth, T>,
                gpu::blocks_for(count, kThreads), kThreads, 0, args,
                static_cast<const Number*>(args.inputs[0]), static_cast<Number*>(args.outputs[0]),
                p, nest, static_cast<T>(count));
  });
}

// kVectors: of 16 bytes. The nearest pixel is any number of its size.
template <bool kVectors>
void run(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<ResizeProblem>&>(state).problem;
  if (p.count() == 0) return;
  constexpr int kWidth = kVectors ? 4 : 1;
  switch (p.mode) {
    case ResizeMode::kNearest:
      if (size_of(p.dtype) == 2) {
        return launch_mode < ResizeMode::kNearest, false, std::uint16_t,
               kVectors ? 8 : 1 > (p, args);
      }
      return launch_mode<ResizeMode::kNearest, false, float, kWidth>(p, args);
    case ResizeMode::kLinear:
      if (p.is_double) return launch_mode<ResizeMode::kLinear, true, float, kWidth>(p, args);
      return launch_mode<ResizeMode::kLinear, false, float, kWidth>(p, args);
    case ResizeMode::kCubic:
      return launch_mode<ResizeMode::kCubic, false, float, kWidth>(p, args);
  }
}

Offer offer(const ResizeProblem& p, const TargetInfo& /*target*/) {
  if (p.dtype == DType::kF32 || (p.mode == ResizeMode::kNearest && is_half(p.dtype))) return {};
  return Offer::no(is_half(p.dtype) ? "means of numbers other than float32" : "numbers of 8 bits");
}

Offer offer_vectors(const ResizeProblem& p, const TargetInfo& target) {
  if (Offer refused = offer(p, target); !refused) return refused;
  const auto width = static_cast<std::int64_t>(16 / size_of(p.dtype));
  return p.channels % width == 0 ? Offer{} : Offer::no("pixels of no multiple of 16 bytes");
}

}  // namespace

const std::vector<Kernel<ResizeProblem>>& resize_cuda_kernels() {
  static const std::vector<Kernel<ResizeProblem>> list{
      {"vectors", Needs::gpu(), offer_vectors, nullptr, create_problem_state<ResizeProblem>,
       run<true>},
      {"plain", Needs::gpu(), offer, nullptr, create_problem_state<ResizeProblem>, run<false>}};
  return list;
}

}  // namespace lasso::kernels
