// What products need beside cuBLASLt: rounding of operands, finishing of sums, and the plain
// product.
//
// ViT-H at 1024x1024 has x [4096, 1280] as float32 at most: rounding it moves 31 MB, 7 us of
// 4.3 TB/s, and calculates nothing. Finishing y [4096, 5120] in float32 moves 168 MB, 39 us.
#include "kernels/cuda/nest.cuh"
#include "kernels/cuda/product.h"
#include "kernels/cuda/tile_product.cuh"

namespace lasso::kernels::gpu {

namespace {

constexpr int kThreads = 256;
constexpr int kVector = 4;  // elements of a thread where everything is aligned
constexpr Index kMostBlocks = Index{132} * 32;

template <typename T>
__global__ void round_kernel(const float* from, T* to, Index count) {
  const Index stride = static_cast<Index>(gridDim.x) * blockDim.x;
  const Index first = static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x;
  const Index vectors = count / kVector;
  for (Index i = first; i < vectors; i += stride) {
    const auto x = reinterpret_cast<const Vector<float, kVector>*>(from)[i];
    Vector<T, kVector> y;
#pragma unroll
    for (int j = 0; j < kVector; ++j) y.values[j] = from_float<T>(x.values[j]);
    reinterpret_cast<Vector<T, kVector>*>(to)[i] = y;
  }
  for (Index i = vectors * kVector + first; i < count; i += stride) to[i] = from_float<T>(from[i]);
}

// Rows of n numbers, four of them for each thread where n is a multiple of four. Each thread reads
// what it overwrites, so that y may be the sums.
template <typename T, int kWidth>
__global__ void finish_kernel(const float* sums, const float* bias, const float* residual, T* y,
                              Index count, Index n, graph::Activation activation) {
  using Sums = Vector<float, kWidth>;
  using Result = Vector<T, kWidth>;
  const Index stride = static_cast<Index>(gridDim.x) * blockDim.x;
  for (Index i = static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x; i < count / kWidth;
       i += stride) {
    Sums x = reinterpret_cast<const Sums*>(sums)[i];
    if (bias != nullptr) {
      const Sums b = reinterpret_cast<const Sums*>(bias)[i % (n / kWidth)];
#pragma unroll
      for (int j = 0; j < kWidth; ++j) x.values[j] += b.values[j];
    }
#pragma unroll
    for (int j = 0; j < kWidth; ++j) x.values[j] = activate(activation, x.values[j]);
    if (residual != nullptr) {
      const Sums r = reinterpret_cast<const Sums*>(residual)[i];
#pragma unroll
      for (int j = 0; j < kWidth; ++j) x.values[j] += r.values[j];
    }
    Result result;
#pragma unroll
    for (int j = 0; j < kWidth; ++j) result.values[j] = from_float<T>(x.values[j]);
    reinterpret_cast<Result*>(y)[i] = result;
  }
}

struct MatrixRows {
  Numbers numbers;
  Index k;
  DType rounding;
  Nest<std::uint64_t> batches;

  __device__ Index begin(Index batch) const {
    Index at = 0;
    Index unused = 0;
    batches.move(static_cast<std::uint64_t>(batch), at, unused);
    return at;
  }
  __device__ float load(Index first, Index row, Index i) const {
    return rounded_to(rounding, numbers.load(first + row * k + i));
  }
};

struct FinishedRows {
  MutableNumbers y;
  Index m, n;
  Finish finish;

  __device__ void store(Index batch, Index row, Index column, float sum) const {
    const Index at = (batch * m + row) * n + column;
    y.store(at, finish(sum, column, at));
  }
};

}  // namespace

void round_numbers(const KernelArgs& args, const float* from, void* to, DType dtype,
                   std::int64_t count) {
  with_float_type(dtype, [&](auto* pointer) {
    using T = std::remove_pointer_t<decltype(pointer)>;
    launch("round", round_kernel<T>,
           blocks_for((count + kVector - 1) / kVector, kThreads, kMostBlocks), kThreads, 0, args,
           from, static_cast<T*>(to), count);
  });
}

void finish(const ProductProblem& p, const KernelArgs& args, const float* sums, const Operands& o) {
  const Index count = p.m * p.n;
  const float* bias = p.bias ? o.bias : nullptr;
  const float* residual = p.residual ? o.residual : nullptr;
  with_float_type(p.output, [&](auto* pointer) {
    using T = std::remove_pointer_t<decltype(pointer)>;
    const bool vectors = p.n % kVector == 0;
    launch("finish", vectors ? finish_kernel<T, kVector> : finish_kernel<T, 1>,
           blocks_for(vectors ? count / kVector : count, kThreads, kMostBlocks), kThreads, 0, args,
           sums, bias, residual, static_cast<T*>(o.y), count, p.n, p.activation);
  });
}

void run_tile(const ProductProblem& p, const KernelArgs& args, const Operands& o) {
  run_tile_batch(p, args, o, {});
}

void run_tile_batch(const ProductProblem& p, const KernelArgs& args, const Operands& o,
                    const std::vector<MatrixLoop>& matrix_loops) {
  std::vector<Loop> all;
  for (const MatrixLoop& loop : matrix_loops) {
    all.push_back({loop.count, {loop.x_stride, loop.w_stride}});
  }
  if (positions(all) == 0) return;
  const Finish finish{p.bias ? o.bias : nullptr, p.residual ? o.residual : nullptr, p.activation};
  auto* y = static_cast<std::byte*>(o.y);
  for_each_nest(all, 0, 0, [&](std::span<const Loop> loops, Index x_begin, Index w_begin) {
    const auto rows = [&](const void* data, DType dtype, Index begin, int operand) {
      std::vector<Loop> own(loops.begin(), loops.end());
      for (Loop& loop : own) std::swap(loop.strides[0], loop.strides[operand]);
      const auto bytes = begin * static_cast<Index>(size_of(dtype));
      return MatrixRows{{static_cast<const std::byte*>(data) + bytes, dtype},
                        p.k,
                        p.weights,
                        Nest<std::uint64_t>(own)};
    };
    const Index batch = positions(loops);
    launch_tile_product("product", args, p.m, p.n, p.k, batch, rows(o.x, p.input, x_begin, 0),
                        rows(o.w, p.weights, w_begin, 1),
                        FinishedRows{{y, p.output}, p.m, p.n, finish});
    y += batch * p.m * p.n * static_cast<Index>(size_of(p.output));
  });
}

}  // namespace lasso::kernels::gpu
