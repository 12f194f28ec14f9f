// Products of four warps, as of wgmma.cuh, with 64, 128 or 256 columns: the wider, the fewer bytes
// of shared memory for each multiplication.
#ifndef LASSO_KERNELS_CUDA_WGMMA_WIDE_CUH_
#define LASSO_KERNELS_CUDA_WGMMA_WIDE_CUH_

#include "kernels/cuda/wgmma.cuh"

namespace lasso::kernels::gpu {

#if !defined(__CUDA_ARCH__) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define LASSO_WARP_GROUPS(...) asm volatile(__VA_ARGS__)
#else
#define LASSO_WARP_GROUPS(...)
#endif

#define LASSO_8(d, i)                                                                         \
  "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), \
      "+f"(d[i + 6]), "+f"(d[i + 7])
#define LASSO_32(d, i) LASSO_8(d, i), LASSO_8(d, i + 8), LASSO_8(d, i + 16), LASSO_8(d, i + 24)
#define LASSO_64(d, i) LASSO_32(d, i), LASSO_32(d, i + 32)
#define LASSO_128(d, i) LASSO_64(d, i), LASSO_64(d, i + 64)
#define LASSO_NAMES_64                                                                    \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, " \
  "%19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, " \
  "%36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, %49, %50, %51, %52, " \
  "%53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define LASSO_NAMES_128                                                                      \
  LASSO_NAMES_64                                                                             \
  ", %64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, %80, "  \
  "%81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, %96, %97, "    \
  "%98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, %112, " \
  "%113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"
#define LASSO_PRODUCT(type, n, names, a_name, b_name, values)                                 \
  LASSO_WARP_GROUPS("{.reg .pred p; setp.ne.b32 p, 1, 0; wgmma.mma_async.sync.aligned.m64n" n \
                    "k16.f32." type "." type " {" names "}, " a_name ", " b_name              \
                    ", p, 1, 1, 0, 0;}"                                                       \
                    : values(d, 0)                                                            \
                    : "l"(a), "l"(b)                                                          \
                    : "memory")

// d[64, N] += a[64, 16] b[N, 16]^T; d is laid out as that of multiply_rows().
template <typename T, int N>
__device__ __forceinline__ void multiply_wide_rows(float (&d)[N / 2], std::uint64_t a,
                                                   std::uint64_t b) {
  static_assert(N == 64 || N == 128 || N == 256);
  constexpr bool kF16 = std::is_same_v<T, __half>;
  if constexpr (N == 64) {
    multiply_rows<T, true>(d, a, b);
  } else if constexpr (N == 128 && kF16) {
    LASSO_PRODUCT("f16", "128", LASSO_NAMES_64, "%64", "%65", LASSO_64);
  } else if constexpr (N == 128) {
    LASSO_PRODUCT("bf16", "128", LASSO_NAMES_64, "%64", "%65", LASSO_64);
  } else if constexpr (kF16) {
    LASSO_PRODUCT("f16", "256", LASSO_NAMES_128, "%128", "%129", LASSO_128);
  } else {
    LASSO_PRODUCT("bf16", "256", LASSO_NAMES_128, "%128", "%129", LASSO_128);
  }
}

#undef LASSO_PRODUCT
#undef LASSO_NAMES_128
#undef LASSO_NAMES_64
#undef LASSO_128
#undef LASSO_64
#undef LASSO_32
#undef LASSO_8
#undef LASSO_WARP_GROUPS

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_CUDA_WGMMA_WIDE_CUH_
