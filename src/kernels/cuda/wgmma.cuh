// Instructions of sm_90a: products of four warps, whose factors lie in shared memory, and barriers
// in shared memory.
#ifndef LASSO_KERNELS_CUDA_WGMMA_CUH_
#define LASSO_KERNELS_CUDA_WGMMA_CUH_

#include <type_traits>

#include "kernels/cuda/mma.cuh"

namespace lasso::kernels::gpu {

#if !defined(__CUDA_ARCH__) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
inline constexpr bool kHasWarpGroups = true;
#define LASSO_WARP_GROUPS(...) asm volatile(__VA_ARGS__)
#else
inline constexpr bool kHasWarpGroups = false;
#define LASSO_WARP_GROUPS(...)
#endif

// Matrices of 16-bit elements lie in shared memory as panels of `width` columns, 16, 32 or 64. In a
// panel row r has 2 width bytes, in which the bits 4 and up of an address are xor-ed with its bits
// 7 and up, as many as there are: so the same 16 bytes of eight rows lie in different banks. A
// panel begins at a multiple of 1024 bytes.
template <int Width>
__device__ __forceinline__ std::uint32_t swizzled(std::uint32_t bytes) {
  return bytes ^ (bytes >> 7 & (Width / 8 - 1)) << 4;
}

// What the instructions take for a matrix: the address of its first row, or of a column of its
// panel that is a multiple of 16, and the bytes from one panel to the next, which only matrices
// need whose columns are the result's.
template <int Width>
__device__ __forceinline__ std::uint64_t describe_matrix(std::uint32_t address,
                                                         std::uint32_t panel_bytes) {
  constexpr std::uint64_t kMode = Width == 64 ? 1 : Width == 32 ? 2 : 3;
  return kMode << 62 | std::uint64_t{16 * Width / 16} << 32 |
         std::uint64_t{panel_bytes / 16} << 16 | (address & 0x3FFFF) / 16;
}

// Registers that other instructions wrote may be read by products after this.
__device__ __forceinline__ void begin_products() {
  LASSO_WARP_GROUPS("wgmma.fence.sync.aligned;" ::: "memory");
}
// Ends a group of products; and waits until all but the last `Pending` groups are done.
__device__ __forceinline__ void commit_products() {
  LASSO_WARP_GROUPS("wgmma.commit_group.sync.aligned;" ::: "memory");
}
template <int Pending>
__device__ __forceinline__ void wait_for_products() {
  LASSO_WARP_GROUPS("wgmma.wait_group.sync.aligned %0;" ::"n"(Pending) : "memory");
}
// Results of products are read after this, not before.
template <int Count>
__device__ __forceinline__ void hold(float (&x)[Count]) {
#pragma unroll
  for (int i = 0; i < Count; ++i) asm volatile("" : "+f"(x[i])::"memory");
}

// Registers that products read must not be written while others run, and so are copied after these.
__device__ __forceinline__ void copy_factors(std::uint32_t (&to)[4],
                                             const std::uint32_t (&from)[4]) {
#pragma unroll
  for (int i = 0; i < 4; ++i) asm volatile("mov.b32 %0, %1;" : "=r"(to[i]) : "r"(from[i]));
}

#define LASSO_8(c, d, i) \
  c(d[i]), c(d[i + 1]), c(d[i + 2]), c(d[i + 3]), c(d[i + 4]), c(d[i + 5]), c(d[i + 6]), c(d[i + 7])
#define LASSO_32(c, d) LASSO_8(c, d, 0), LASSO_8(c, d, 8), LASSO_8(c, d, 16), LASSO_8(c, d, 24)
#define LASSO_40(c, d) LASSO_32(c, d), LASSO_8(c, d, 32)
#define LASSO_NAMES_32                                                                         \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, " \
  "%20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define LASSO_NAMES_40 LASSO_NAMES_32 ", %32, %33, %34, %35, %36, %37, %38, %39"

// LASSO_PRODUCT for the types T of the factors, plus what is there if `Sum`: the types are a part
// of the instruction's name.
#define LASSO_PRODUCTS()                     \
  if constexpr (std::is_same_v<T, __half>) { \
    if constexpr (Sum) {                     \
      LASSO_PRODUCT("f16", "+f", "1");       \
    } else {                                 \
      LASSO_PRODUCT("f16", "=f", "0");       \
    }                                        \
  } else {                                   \
    if constexpr (Sum) {                     \
      LASSO_PRODUCT("bf16", "+f", "1");      \
    } else {                                 \
      LASSO_PRODUCT("bf16", "=f", "0");      \
    }                                        \
  }

// d[64, 64] = a[64, 16] b[64, 16]^T, plus d if `Sum`: of warp w rows 16 w to 16 w + 15. With
// g = lane / 4 and t = lane % 4, d[4 n] and d[4 n + 1] are row g, columns 8 n + 2 t and
// 8 n + 2 t + 1; d[4 n + 2] and d[4 n + 3] row g + 8.
template <typename T, bool Sum>
__device__ __forceinline__ void multiply_rows(float (&d)[32], std::uint64_t a, std::uint64_t b) {
#define LASSO_PRODUCT(type, c, sum)                                                  \
  LASSO_WARP_GROUPS("{.reg .pred p; setp.ne.b32 p, " sum                             \
                    ", 0; wgmma.mma_async.sync.aligned.m64n64k16.f32." type "." type \
                    " {" LASSO_NAMES_32 "}, %32, %33, p, 1, 1, 0, 0;}"               \
                    : LASSO_32(c, d)                                                 \
                    : "l"(a), "l"(b)                                                 \
                    : "memory")
  LASSO_PRODUCTS()
#undef LASSO_PRODUCT
}

// The same with a's rows in registers, as multiply_add() has them.
template <typename T, bool Sum>
__device__ __forceinline__ void multiply_rows(float (&d)[32], const std::uint32_t (&a)[4],
                                              std::uint64_t b) {
#define LASSO_PRODUCT(type, c, sum)                                                  \
  LASSO_WARP_GROUPS("{.reg .pred p; setp.ne.b32 p, " sum                             \
                    ", 0; wgmma.mma_async.sync.aligned.m64n64k16.f32." type "." type \
                    " {" LASSO_NAMES_32 "}, {%32, %33, %34, %35}, %36, p, 1, 1, 0;}" \
                    : LASSO_32(c, d)                                                 \
                    : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b)             \
                    : "memory")
  LASSO_PRODUCTS()
#undef LASSO_PRODUCT
}

// d[64, N] += a[64, 16] b[16, N], for N of 64 or 80.
template <typename T, int Count>
__device__ __forceinline__ void multiply_columns(float (&d)[Count], const std::uint32_t (&a)[4],
                                                 std::uint64_t b) {
  static_assert(Count == 32 || Count == 40);
#define LASSO_PRODUCT(type, n, names, a0, a1, a2, a3, b0, values)                                  \
  LASSO_WARP_GROUPS("{.reg .pred p; setp.ne.b32 p, 1, 0; wgmma.mma_async.sync.aligned.m64n" n      \
                    "k16.f32." type "." type " {" names "}, {" a0 ", " a1 ", " a2 ", " a3 "}, " b0 \
                    ", p, 1, 1, 1;}"                                                               \
                    : values("+f", d)                                                              \
                    : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b)                           \
                    : "memory")
#define LASSO_PRODUCT_64(type) \
  LASSO_PRODUCT(type, "64", LASSO_NAMES_32, "%32", "%33", "%34", "%35", "%36", LASSO_32)
#define LASSO_PRODUCT_80(type) \
  LASSO_PRODUCT(type, "80", LASSO_NAMES_40, "%40", "%41", "%42", "%43", "%44", LASSO_40)
  if constexpr (std::is_same_v<T, __half>) {
    if constexpr (Count == 32) {
      LASSO_PRODUCT_64("f16");
    } else {
      LASSO_PRODUCT_80("f16");
    }
  } else {
    if constexpr (Count == 32) {
      LASSO_PRODUCT_64("bf16");
    } else {
      LASSO_PRODUCT_80("bf16");
    }
  }
#undef LASSO_PRODUCT_80
#undef LASSO_PRODUCT_64
#undef LASSO_PRODUCT
}

#undef LASSO_PRODUCTS
#undef LASSO_NAMES_40
#undef LASSO_NAMES_32
#undef LASSO_40
#undef LASSO_32
#undef LASSO_8

// What this thread wrote to shared memory is there for products after the next barrier.
__device__ __forceinline__ void publish_to_products() {
  LASSO_WARP_GROUPS("fence.proxy.async.shared::cta;" ::: "memory");
}

// A barrier in shared memory whose phases end after `count` arrivals each. wait_at() returns once
// the phase of the parity has ended; the first has parity 0.
__device__ __forceinline__ void make_barrier(std::uint64_t* barrier, int count) {
  LASSO_WARP_GROUPS("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)),
                    "r"(count)
                    : "memory");
}
__device__ __forceinline__ void arrive_at(std::uint64_t* barrier) {
  LASSO_WARP_GROUPS("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier))
                    : "memory");
}
__device__ __forceinline__ void wait_at(std::uint64_t* barrier, int parity) {
  std::uint32_t ended = 1;
  do {
    LASSO_WARP_GROUPS(
        "{.reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; "
        "selp.b32 %0, 1, 0, p;}"
        : "=r"(ended)
        : "r"(shared_address(barrier)), "r"(parity)
        : "memory");
  } while (ended == 0);
}

#undef LASSO_WARP_GROUPS

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_CUDA_WGMMA_CUH_
