// Orders of numbers, and the smallest of many keys in order, by the threads of a block. Keys are
// different, so that the result does not depend on which thread comes first.
#ifndef LASSO_KERNELS_CUDA_SORT_CUH_
#define LASSO_KERNELS_CUDA_SORT_CUH_

#include <cstdint>

#include "kernels/cuda/launch.cuh"

namespace lasso::kernels::gpu {

using SortKey = unsigned long long;  // 64 bits, as the atomic functions take them
constexpr SortKey kNoKey = ~SortKey{0};

// Unsigned integers in the order of the numbers, of which NaN is the largest and -0 equals 0.
__device__ inline std::uint32_t order_of(float x) {
  if (x != x) return 0xFFFFFFFFU;
  const std::uint32_t bits = __float_as_uint(x == 0.0F ? 0.0F : x);
  return (bits >> 31) != 0 ? ~bits : bits | 0x80000000U;
}
__device__ inline std::uint32_t order_of(std::int32_t x) {
  return static_cast<std::uint32_t>(x) ^ 0x80000000U;
}

// A key that is smaller where the first number is, and of equal ones where the second is.
__device__ inline SortKey sort_key(std::uint32_t first, std::uint32_t second) {
  return static_cast<SortKey>(first) << 32 | second;
}

inline Index power_of_two_from(Index count) {
  Index power = 1;
  while (power < count) power *= 2;
  return power;
}

// Sorts keys in shared or global memory, `count` of them, a power of two. All threads of the block
// call it, and see the keys in order behind it.
__device__ inline void sort_keys(SortKey* keys, Index count) {
  for (Index size = 2; size <= count; size *= 2) {
    for (Index distance = size / 2; distance > 0; distance /= 2) {
      __syncthreads();
      for (Index i = threadIdx.x; i < count / 2; i += blockDim.x) {
        // Of each pair the lower position; the first step of a size compares with the mirror image.
        const Index low = i / distance * 2 * distance + i % distance;
        const Index high =
            distance == size / 2 ? (low / size * 2 + 1) * size - 1 - low : low + distance;
        const SortKey a = keys[low];
        const SortKey b = keys[high];
        if (b < a) {
          keys[low] = b;
          keys[high] = a;
        }
      }
    }
  }
  __syncthreads();
}

// What the threads of a block share while they choose.
struct SelectScratch {
  static constexpr int kBins = 256;
  unsigned counts[kBins];
  SortKey limit;
  Index rest;
  int done;
};

// The key of which `rank` are not larger, itself among them: of key_of(i) for i below `count`, at
// least `rank`, which is 1 or more, are no kNoKey. Digit by digit from the highest on: the digit of
// the key is where as many keys are counted.
template <typename KeyOf>
__device__ SortKey select_key(SelectScratch& scratch, Index count, Index rank,
                              const KeyOf& key_of) {
  constexpr int kDigit = 8;
  if (threadIdx.x == 0) {
    scratch.limit = 0;
    scratch.rest = rank;
    scratch.done = 0;
  }
  for (int shift = 64 - kDigit; shift >= 0; shift -= kDigit) {
    for (int i = static_cast<int>(threadIdx.x); i < SelectScratch::kBins;
         i += static_cast<int>(blockDim.x)) {
      scratch.counts[i] = 0;
    }
    __syncthreads();
    const SortKey prefix = scratch.limit;
    for (Index i = threadIdx.x; i < count; i += blockDim.x) {
      const SortKey key = key_of(i);
      const bool matches = shift + kDigit == 64 || key >> (shift + kDigit) == prefix;
      if (matches) atomicAdd(&scratch.counts[(key >> shift) & (SelectScratch::kBins - 1)], 1U);
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      Index rest = scratch.rest;
      int digit = 0;
      while (rest > scratch.counts[digit]) rest -= scratch.counts[digit++];
      scratch.limit = prefix << kDigit | static_cast<SortKey>(digit);
      scratch.rest = rest;
      // All keys that begin so are among the smallest: the largest of these bounds them as well.
      if (rest == scratch.counts[digit]) {
        if (shift > 0) scratch.limit = ((scratch.limit + 1) << shift) - 1;
        scratch.done = 1;
      }
    }
    __syncthreads();
    if (scratch.done != 0) break;
  }
  return scratch.limit;
}

// Stores the keys up to `limit`, in any order; there is room for them. `stored` is shared.
template <typename KeyOf>
__device__ void collect_keys(int& stored, Index count, SortKey limit, SortKey* keys,
                             const KeyOf& key_of) {
  if (threadIdx.x == 0) stored = 0;
  __syncthreads();
  for (Index i = threadIdx.x; i < count; i += blockDim.x) {
    const SortKey key = key_of(i);
    if (key <= limit) keys[atomicAdd(&stored, 1)] = key;
  }
  __syncthreads();
}

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_CUDA_SORT_CUH_
