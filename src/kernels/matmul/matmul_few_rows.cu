// MatMul of few, short rows of A and many of B: masks of hypernetwork outputs and pixels.
//
// SAM multiplies [64, 4, 32] by [64, 65536, 32] for 64 prompts: 1.1 GFLOP, 16 us at 67 TFLOP/s, and
// 604 MB, 140 us at 4.3 TB/s.
//
// Eight lanes read a row of B, 16 bytes each, and add up their parts of its four products by a
// butterfly. Results go through shared memory so that each row of y is written as it lies.
#include "kernels/cuda/nest.cuh"
#include "kernels/matmul/matmul_cuda_kernels.h"

namespace lasso::kernels::gpu {

namespace {

constexpr int kThreads = 256;
constexpr int kWarp = 32;
constexpr int kRows = 4;    // of A
constexpr int kWidth = 4;   // numbers in 16 bytes
constexpr int kDepth = 32;  // of a row
constexpr int kLanes = kDepth / kWidth;
constexpr int kTurns = 8;                             // rows of B that a lane reads
constexpr int kColumns = kThreads / kLanes * kTurns;  // of y in a block: rows of B
constexpr int kPitch = kColumns + kWidth;
constexpr unsigned kAll = 0xFFFFFFFFU;

using Four = Vector<float, kWidth>;

struct Product {
  const float* a;
  const float* b;
  float* y;
  Index a_stride, b_stride;  // from one of the batch to the next
  Index n;
  int m, k;
  graph::Activation activation;
};

__global__ void __launch_bounds__(kThreads) matmul_few_rows(const Product p) {
  __shared__ __align__(16) float results[kRows][kPitch];
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const Index batch = blockIdx.y;
  const Index first = static_cast<Index>(blockIdx.x) * kColumns;
  const int at = lane % kLanes * kWidth;
  const int first_row = warp * (kWarp / kLanes * kTurns) + lane / kLanes;
  Four b[kTurns];
#pragma unroll
  for (int i = 0; i < kTurns; ++i) {
    const Index row = first + first_row + i * (kWarp / kLanes);
    b[i] = {};
    if (row < p.n && at < p.k) {
      b[i] = load_vector<kWidth>(p.b + batch * p.b_stride + row * p.k + at);
    }
  }
  Four a[kRows];
#pragma unroll
  for (int j = 0; j < kRows; ++j) {
    a[j] = {};
    if (j < p.m && at < p.k) {
      a[j] = load_vector<kWidth>(p.a + batch * p.a_stride + static_cast<Index>(j) * p.k + at);
    }
  }
#pragma unroll
  for (int i = 0; i < kTurns; ++i) {
    float sums[kRows];
#pragma unroll
    for (int j = 0; j < kRows; ++j) {
      sums[j] = 0;
#pragma unroll
      for (int c = 0; c < kWidth; ++c) sums[j] = fmaf(a[j].values[c], b[i].values[c], sums[j]);
    }
    // Of eight lanes, 2 j and 2 j + 1 get the sum of row j.
    const bool upper = (lane & 4) != 0;
#pragma unroll
    for (int j = 0; j < 2; ++j) {
      const float give = upper ? sums[j] : sums[j + 2];
      const float keep = upper ? sums[j + 2] : sums[j];
      sums[j] = keep + __shfl_xor_sync(kAll, give, 4);
    }
    const bool second = (lane & 2) != 0;
    const float give = second ? sums[0] : sums[1];
    float sum = (second ? sums[1] : sums[0]) + __shfl_xor_sync(kAll, give, 2);
    sum += __shfl_xor_sync(kAll, sum, 1);
    if (lane % 2 == 0) results[lane % kLanes / 2][first_row + i * (kWarp / kLanes)] = sum;
  }
  __syncthreads();

  constexpr int kVectors = kColumns / kWidth;
  static_assert(kThreads == kRows * kVectors);
  const int j = static_cast<int>(threadIdx.x) / kVectors;
  const int column = static_cast<int>(threadIdx.x) % kVectors * kWidth;
  if (j >= p.m || first + column >= p.n) return;
  Four values = *reinterpret_cast<const Four*>(&results[j][column]);
#pragma unroll
  for (int c = 0; c < kWidth; ++c) values.values[c] = activate(p.activation, values.values[c]);
  float* y = p.y + (batch * p.m + j) * p.n + first + column;
  if (p.n % kWidth == 0) {
    store_vector(y, values);
    return;
  }
#pragma unroll
  for (int c = 0; c < kWidth; ++c) {
    if (first + column + c < p.n) y[c] = values.values[c];
  }
}

}  // namespace

const char* refused_by_few_rows(const MatMulProblem& p) {
  if (p.m > kRows) return "more than 4 rows";
  if (p.k > kDepth || p.k % kWidth != 0) return "rows other than 4, 8, ... 32 elements";
  if (p.batch > 65535) return "a batch of more than 65535";
  return p.n > INT32_MAX ? "more than 2^31 columns" : nullptr;
}

void run_few_rows(const MatMulProblem& p, std::int64_t a_stride, std::int64_t b_stride,
                  const KernelArgs& args) {
  const Product product{.a = static_cast<const float*>(args.inputs[0]),
                        .b = static_cast<const float*>(args.inputs[1]),
                        .y = static_cast<float*>(args.outputs[0]),
                        .a_stride = a_stride,
                        .b_stride = b_stride,
                        .n = p.n,
                        .m = static_cast<int>(p.m),
                        .k = static_cast<int>(p.k),
                        .activation = p.activation};
  const dim3 grid(static_cast<unsigned>((p.n + kColumns - 1) / kColumns),
                  static_cast<unsigned>(p.m == 0 ? 0 : p.batch));
  launch("matmul", matmul_few_rows, grid, kThreads, 0, args, product);
}

}  // namespace lasso::kernels::gpu
