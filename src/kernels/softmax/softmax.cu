// Softmax. Operations over peak: less than 0.1. Bytes over bandwidth on an H200: the scores of a
// decomposed global attention of ViT-B, [12 * 4096, 4096] in float32, are 805 MB read and as many
// written, 375 us at 4.3 TB/s.
#include <cmath>

#include "kernels/cuda/nest.cuh"
#include "kernels/cuda/team.cuh"
#include "kernels/softmax/softmax_cuda.h"

namespace lasso::kernels {

namespace {

using gpu::Index;

constexpr int kBlock = 256;

// kThreads threads, which are neighbours, have a row in registers: kValues elements each.
template <int kThreads, int kValues>
__global__ void __launch_bounds__(kBlock)
    softmax_registers(const float* x, float* y, Index rows, int count) {
  const int lane = static_cast<int>(threadIdx.x) % kThreads;
  const Index step = gpu::position_step<Index>() / kThreads;
  for (Index row = gpu::first_position<Index>() / kThreads; row < rows; row += step) {
    float values[kValues];
    float largest = -INFINITY;
#pragma unroll
    for (int i = 0; i < kValues; ++i) {
      const int k = i * kThreads + lane;
      values[i] = k < count ? x[row * count + k] : -INFINITY;
      largest = fmaxf(largest, values[i]);
    }
    largest = gpu::reduce_team<kThreads>(largest, gpu::Largest());
    float sum = 0;
#pragma unroll
    for (int i = 0; i < kValues; ++i) {
      values[i] = i * kThreads + lane < count ? expf(values[i] - largest) : 0.0F;
      sum += values[i];
    }
    const float inverse = 1.0F / gpu::reduce_team<kThreads>(sum, gpu::Sum());
#pragma unroll
    for (int i = 0; i < kValues; ++i) {
      const int k = i * kThreads + lane;
      if (k < count) y[row * count + k] = values[i] * inverse;
    }
  }
}

template <int kThreads, int kValues>
void launch_registers(const SoftmaxProblem& p, const KernelArgs& args) {
  gpu::launch("softmax", softmax_registers<kThreads, kValues>,
              gpu::blocks_for(p.outer, kBlock / kThreads), kBlock, 0, args,
              static_cast<const float*>(args.inputs[0]), static_cast<float*>(args.outputs[0]),
              p.outer, static_cast<int>(p.count));
}

constexpr Index kMostInRegisters = 16 * kBlock;

Offer offer_registers(const SoftmaxProblem& p, const TargetInfo& /*target*/) {
  if (p.inner != 1) return Offer::no("not along the last dimension");
  return p.count <= kMostInRegisters ? Offer{} : Offer::no("rows of more than 4096 elements");
}

void run_registers(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<SoftmaxProblem>&>(state).problem;
  if (p.count == 0) return;
  if (p.count <= 4 * 32) return launch_registers<32, 4>(p, args);
  if (p.count <= 16 * 32) return launch_registers<32, 16>(p, args);
  if (p.count <= 4 * kBlock) return launch_registers<kBlock, 4>(p, args);
  launch_registers<kBlock, 16>(p, args);
}

// A block for each row.
__global__ void __launch_bounds__(kBlock)
    softmax_rows(const float* x, float* y, Index rows, Index count) {
  for (Index row = blockIdx.x; row < rows; row += gridDim.x) {
    const float* in = x + row * count;
    float largest = -INFINITY;
    for (Index k = threadIdx.x; k < count; k += kBlock) largest = fmaxf(largest, in[k]);
    largest = gpu::reduce_team<kBlock>(largest, gpu::Largest());
    float sum = 0;
    for (Index k = threadIdx.x; k < count; k += kBlock) sum += expf(in[k] - largest);
    const float inverse = 1.0F / gpu::reduce_team<kBlock>(sum, gpu::Sum());
    for (Index k = threadIdx.x; k < count; k += kBlock) {
      y[row * count + k] = expf(in[k] - largest) * inverse;
    }
  }
}

// A thread for each column of [count, inner]; neighbouring threads read neighbouring elements.
__global__ void softmax_columns(const float* x, float* y, Index outer, Index count, Index inner) {
  const Index columns = outer * inner;
  for (Index i = gpu::first_position<Index>(); i < columns; i += gpu::position_step<Index>()) {
    const Index first = i / inner * count * inner + i % inner;
    float largest = -INFINITY;
    for (Index k = 0; k < count; ++k) largest = fmaxf(largest, x[first + k * inner]);
    float sum = 0;
    for (Index k = 0; k < count; ++k) sum += expf(x[first + k * inner] - largest);
    const float inverse = 1.0F / sum;
    for (Index k = 0; k < count; ++k) {
      y[first + k * inner] = expf(x[first + k * inner] - largest) * inverse;
    }
  }
}

void run_plain(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<SoftmaxProblem>&>(state).problem;
  if (p.count == 0) return;
  const auto* x = static_cast<const float*>(args.inputs[0]);
  auto* y = static_cast<float*>(args.outputs[0]);
  if (p.inner == 1) {
    gpu::launch("softmax", softmax_rows, gpu::blocks_for(p.outer, 1), kBlock, 0, args, x, y,
                p.outer, p.count);
  } else {
    gpu::launch("softmax", softmax_columns, gpu::blocks_for(p.outer * p.inner, kBlock), kBlock, 0,
                args, x, y, p.outer, p.count, p.inner);
  }
}

}  // namespace

const std::vector<Kernel<SoftmaxProblem>>& softmax_cuda_kernels() {
  static const std::vector<Kernel<SoftmaxProblem>> list{
      {"registers", Needs::gpu(), offer_registers, nullptr, create_problem_state<SoftmaxProblem>,
       run_registers},
      {"plain", Needs::gpu(), always<SoftmaxProblem>, nullptr, create_problem_state<SoftmaxProblem>,
       run_plain}};
  return list;
}

}  // namespace lasso::kernels
