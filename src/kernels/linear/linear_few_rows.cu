// Linear in float32 with a ReLU of 32 to 64 rows, such as the mask decoder's hypernetworks have for
// many prompts: nothing is shared between warps but the cache, so that a layer takes little more
// than the latency of the memory.
//
// 64 rows by W [256, 256] in float32 are 8.4 MFLOP and 0.4 MB: 0.1 us of 67 TFLOP/s, 0.1 us of
// 4.3 TB/s. Launching takes longer.
//
// A warp has 8 rows and 2 columns of the result: its lanes take 16 bytes of the weights in turn,
// and add up their parts of the 16 sums by a butterfly.
#include "kernels/cuda/nest.cuh"
#include "kernels/linear/linear_cuda_rows.h"

namespace lasso::kernels::gpu {

namespace {

constexpr int kWarps = 4;
constexpr int kWarp = 32;
constexpr int kRows = 8;     // of a warp
constexpr int kColumns = 2;  // of a warp
constexpr int kWidth = 4;    // numbers in 16 bytes
constexpr int kSums = kRows * kColumns;
constexpr int kLanesOfSum = kWarp / kSums;
constexpr unsigned kAll = 0xFFFFFFFFU;

struct FewRows {
  const float* x;
  const float* w;
  const float* bias;      // null: none
  const float* residual;  // null: none
  float* y;
  int m, n;
  int k;
  graph::Activation activation;
};

// The sums over the lanes of a warp of 16 numbers each; lane i gets that of numbers i / 2.
__device__ __forceinline__ float add_lanes(float (&sums)[kSums]) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
#pragma unroll
  for (int step = 0; (kSums >> step) > 1; ++step) {
    const int half = kSums >> (step + 1);
    const int distance = kWarp >> (step + 1);
    const bool upper = (lane & distance) != 0;
#pragma unroll
    for (int i = 0; i < half; ++i) {
      const float give = upper ? sums[i] : sums[i + half];
      const float keep = upper ? sums[i + half] : sums[i];
      sums[i] = keep + __shfl_xor_sync(kAll, give, distance);
    }
  }
#pragma unroll
  for (int distance = kLanesOfSum / 2; distance > 0; distance /= 2) {
    sums[0] += __shfl_xor_sync(kAll, sums[0], distance);
  }
  return sums[0];
}

__global__ void __launch_bounds__(kWarps* kWarp) few_rows(const FewRows p) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int first_column = (static_cast<int>(blockIdx.x) * kWarps + warp) * kColumns;
  const int first_row = static_cast<int>(blockIdx.y) * kRows;
  const float* w[kColumns];
#pragma unroll
  for (int j = 0; j < kColumns; ++j) {
    w[j] = p.w + static_cast<Index>(min(first_column + j, p.n - 1)) * p.k;
  }
  const float* x = p.x + static_cast<Index>(first_row) * p.k;
  const int rows = min(kRows, p.m - first_row);

  float sums[kSums] = {};
#pragma unroll 2
  for (int at = lane * kWidth; at < p.k; at += kWarp * kWidth) {
    Vector<float, kWidth> weights[kColumns];
#pragma unroll
    for (int j = 0; j < kColumns; ++j) weights[j] = load_vector<kWidth>(w[j] + at);
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      if (i >= rows) continue;
      const auto numbers = load_vector<kWidth>(x + static_cast<Index>(i) * p.k + at);
#pragma unroll
      for (int c = 0; c < kWidth; ++c) {
#pragma unroll
        for (int j = 0; j < kColumns; ++j) {
          sums[i * kColumns + j] =
              fmaf(numbers.values[c], weights[j].values[c], sums[i * kColumns + j]);
        }
      }
    }
  }
  float sum = add_lanes(sums);
  const int row = first_row + lane / kLanesOfSum / kColumns;
  const int column = first_column + lane / kLanesOfSum % kColumns;
  if (lane % kLanesOfSum != 0 || row >= p.m || column >= p.n) return;
  if (p.bias != nullptr) sum += p.bias[column];
  sum = activate(p.activation, sum);
  const Index place = static_cast<Index>(row) * p.n + column;
  if (p.residual != nullptr) sum += p.residual[place];
  p.y[place] = sum;
}

}  // namespace

const char* refused_by_few_rows(const ProductProblem& p) {
  // Measured on an H200 with 256 columns in and out: cuBLASLt takes 2.1 us with 1 row and 7.5 with
  // 64 rows and a ReLU in float32, this row 2.9 and 5.1.
  constexpr std::int64_t kLeastRows = 32;
  constexpr std::int64_t kMostRows = 64;
  if (p.m > kMostRows) return "more than 64 rows";
  if (p.m < kLeastRows || p.weights != DType::kF32 || p.activation != graph::Activation::kRelu) {
    return "cuBLASLt is faster but for float32 with a ReLU and 32 rows or more";
  }
  if (p.k % kWidth != 0) {
    return "rows that are not multiples of 16 bytes";
  }
  if (p.n > INT32_MAX / 2 || p.k > INT32_MAX / 2) return "more than 2^30 rows or columns";
  return nullptr;
}

void run_few_rows(const ProductProblem& p, const KernelArgs& args, const Operands& o) {
  if (p.m == 0 || p.n == 0) return;
  const FewRows rows{.x = static_cast<const float*>(o.x),
                     .w = static_cast<const float*>(o.w),
                     .bias = p.bias ? o.bias : nullptr,
                     .residual = p.residual ? o.residual : nullptr,
                     .y = static_cast<float*>(o.y),
                     .m = static_cast<int>(p.m),
                     .n = static_cast<int>(p.n),
                     .k = static_cast<int>(p.k),
                     .activation = p.activation};
  constexpr std::int64_t kBlockColumns = kColumns * kWarps;
  const dim3 grid(static_cast<unsigned>((p.n + kBlockColumns - 1) / kBlockColumns),
                  static_cast<unsigned>((p.m + kRows - 1) / kRows));
  launch("few_rows", few_rows, grid, kWarps * kWarp, 0, args, rows);
}

}  // namespace lasso::kernels::gpu
