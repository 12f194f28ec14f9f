// Nested loops over up to three operands, counted in one number.
#ifndef LASSO_KERNELS_CUDA_NEST_CUH_
#define LASSO_KERNELS_CUDA_NEST_CUH_

#include <array>
#include <cstdint>
#include <span>

#include "kernels/cuda/launch.cuh"
#include "lasso/error.h"

namespace lasso::kernels::gpu {

// What is divided by; throws unless it is positive. No kernel is started where a count is 0.
inline Index checked_divisor(Index number) {
  if (number <= 0) throw Error(ErrorCode::kInternal, "a division by a number that is not positive");
  return number;
}

// Division by a number that is the same for all threads; 64-bit numbers take a division each.
template <typename T>
struct Divider {
  Divider() = default;
  explicit Divider(Index number) : divisor(static_cast<T>(checked_divisor(number))) {}
  __device__ T quotient(T n) const { return n / divisor; }

  T divisor = 1;
};

// Both numbers are below 2^31. With s = ceil(log2 d) and m = floor(2^32 (2^s - d) / d) + 1,
// floor(n / d) = floor((floor(n m / 2^32) + n) / 2^s), and the sum is below 2^32.
template <>
struct Divider<std::uint32_t> {
  Divider() = default;
  explicit Divider(Index number) : divisor(static_cast<std::uint32_t>(checked_divisor(number))) {
    while ((std::uint64_t{1} << shift) < divisor) ++shift;
    factor = static_cast<std::uint32_t>(
        ((std::uint64_t{1} << 32) * ((std::uint64_t{1} << shift) - divisor)) / divisor + 1);
  }
  __device__ std::uint32_t quotient(std::uint32_t n) const {
    return (__umulhi(n, factor) + n) >> shift;
  }

  std::uint32_t divisor = 1;
  std::uint32_t factor = 1;
  std::uint32_t shift = 0;
};

// Calls f with a zero of the type that positions below `count` take.
template <typename F>
void with_position_type(Index count, const F& f) {
  if (count < Index{1} << 31) {
    f(std::uint32_t{0});
  } else {
    f(std::uint64_t{0});
  }
}

// A loop: how far the operands move with each of its turns.
struct Loop {
  Index count = 1;
  Index strides[3] = {0, 0, 0};
};

// As many loops as the dimensions of a graph's values.
constexpr int kMaxLoops = 8;

inline Index positions(std::span<const Loop> loops) {
  Index product = 1;
  for (const Loop& loop : loops) product *= loop.count;
  return product;
}

// The loops as a kernel takes them, by value.
template <typename T>
struct Nest {
  // Outermost loop first; at most kMaxLoops.
  explicit Nest(std::span<const Loop> from) : loops(static_cast<int>(from.size())) {
    for (int i = 0; i < loops; ++i) {
      const Loop& loop = from[static_cast<std::size_t>(loops - 1 - i)];
      counts[i] = Divider<T>(loop.count);
      for (int k = 0; k < 3; ++k) strides[i][k] = loop.strides[k];
    }
  }

  // Adds to a, b and c where the operands stand at a position.
  __device__ void move(T position, Index& a, Index& b) const {
    Index c = 0;
    move(position, a, b, c);
  }
  __device__ void move(T position, Index& a, Index& b, Index& c) const {
    for (int i = 0; i < loops; ++i) {
      const T rest = i + 1 < loops ? counts[i].quotient(position) : 0;
      const auto turn = static_cast<Index>(position - rest * counts[i].divisor);
      a += turn * strides[i][0];
      b += turn * strides[i][1];
      c += turn * strides[i][2];
      position = rest;
    }
  }

  int loops = 0;
  Divider<T> counts[kMaxLoops];  // innermost first
  Index strides[kMaxLoops][3] = {};
};

// Calls f(loops, at) with no more loops than a kernel takes, at each position of the outermost
// ones where there are more; `at` is where the operands stand then.
template <typename F>
void for_each_nest(std::span<const Loop> loops, std::array<Index, 3> at, const F& f) {
  if (loops.size() <= kMaxLoops) {
    f(loops, at);
    return;
  }
  for (Index i = 0; i < loops[0].count; ++i) {
    for_each_nest(loops.subspan(1), at, f);
    for (std::size_t k = 0; k < at.size(); ++k) at[k] += loops[0].strides[k];
  }
}

// The same with f(loops, a, b), for two operands.
template <typename F>
void for_each_nest(std::span<const Loop> loops, Index a, Index b, const F& f) {
  for_each_nest(loops, {a, b, 0}, [&](std::span<const Loop> inner, std::array<Index, 3> at) {
    f(inner, at[0], at[1]);
  });
}

// The first position of a thread, and the distance of those that it takes.
template <typename T>
__device__ T first_position() {
  return static_cast<T>(blockIdx.x) * blockDim.x + threadIdx.x;
}
template <typename T>
__device__ T position_step() {
  return static_cast<T>(gridDim.x) * blockDim.x;
}

// Elements that are loaded and stored together.
template <typename T, int kCount>
struct alignas(sizeof(T) * kCount) Vector {
  T values[kCount];
};

template <int kCount, typename T>
__device__ Vector<T, kCount> load_vector(const T* x) {
  return *reinterpret_cast<const Vector<T, kCount>*>(x);
}
template <typename T, int kCount>
__device__ void store_vector(T* y, const Vector<T, kCount>& vector) {
  *reinterpret_cast<Vector<T, kCount>*>(y) = vector;
}

// The largest power of two up to 16 that divides all numbers.
inline Index common_unit(std::span<const Index> numbers) {
  Index unit = 16;
  for (const Index number : numbers) {
    while (number % unit != 0) unit /= 2;
  }
  return unit;
}

// Calls f with a null pointer of a type of 1, 2, 4, 8 or 16 bytes, aligned to them.
template <typename F>
void with_unit_type(Index bytes, const F& f) {
  switch (bytes) {
    case 16:
      return f(static_cast<uint4*>(nullptr));
    case 8:
      return f(static_cast<uint2*>(nullptr));
    case 4:
      return f(static_cast<std::uint32_t*>(nullptr));
    case 2:
      return f(static_cast<std::uint16_t*>(nullptr));
    default:
      return f(static_cast<std::uint8_t*>(nullptr));
  }
}

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_CUDA_NEST_CUH_
