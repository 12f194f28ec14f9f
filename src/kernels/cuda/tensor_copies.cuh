// Instructions of sm_90a that copy boxes of tensors to shared memory, and those of clusters, whose
// blocks reach each other's.
#ifndef LASSO_KERNELS_CUDA_TENSOR_COPIES_CUH_
#define LASSO_KERNELS_CUDA_TENSOR_COPIES_CUH_

#include <cuda.h>

#include "kernels/cuda/wgmma.cuh"

namespace lasso::kernels::gpu {

#if !defined(__CUDA_ARCH__) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define LASSO_CLUSTERS(...) asm volatile(__VA_ARGS__)
#else
#define LASSO_CLUSTERS(...)
#endif

// Barriers that were made are there for copies and other blocks after the cluster's next barrier.
__device__ __forceinline__ void publish_barriers() {
  LASSO_CLUSTERS("fence.mbarrier_init.release.cluster;" ::: "memory");
}

// One arrival that expects copies of so many bytes in this phase.
__device__ __forceinline__ void expect_bytes(std::uint64_t* barrier, int bytes) {
  LASSO_CLUSTERS(
      "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)),
      "r"(bytes)
      : "memory");
}

// Where a pixel of the result has its window, and the place within the window.
struct WindowPlace {
  int channel, column, row, image;
  unsigned short u, v;
};

// Copies one tap of the windows of many pixels, from that pixel on.
__device__ __forceinline__ void copy_windows(std::uint32_t to, const CUtensorMap* map,
                                             const WindowPlace& at, std::uint64_t* barrier) {
  LASSO_CLUSTERS(
      "cp.async.bulk.tensor.4d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes "
      "[%0], [%1, {%2, %3, %4, %5}], [%6], {%7, %8};" ::"r"(to),
      "l"(map), "r"(at.channel), "r"(at.column), "r"(at.row), "r"(at.image),
      "r"(shared_address(barrier)), "h"(at.v), "h"(at.u)
      : "memory");
}

// Copies a box of a tensor of three axes from (i, j, k) on, where i is along the innermost one.
__device__ __forceinline__ void copy_box(std::uint32_t to, const CUtensorMap* map, int i, int j,
                                         int k, std::uint64_t* barrier) {
  LASSO_CLUSTERS(
      "cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
      "[%0], [%1, {%2, %3, %4}], [%5];" ::"r"(to),
      "l"(map), "r"(i), "r"(j), "r"(k), "r"(shared_address(barrier))
      : "memory");
}

// Waits for all threads of the cluster; what they wrote to shared memory is there.
__device__ __forceinline__ void synchronize_cluster() {
  LASSO_CLUSTERS("barrier.cluster.arrive.release.aligned; barrier.cluster.wait.acquire.aligned;" ::
                     : "memory");
}

// What a block of the cluster has at this address of its shared memory.
__device__ __forceinline__ float4 load_from_block(std::uint32_t address, int block) {
  float4 x = {};
  LASSO_CLUSTERS(
      "{.reg .b32 from; mapa.shared::cluster.u32 from, %4, %5; "
      "ld.shared::cluster.v4.f32 {%0, %1, %2, %3}, [from];}"
      : "=f"(x.x), "=f"(x.y), "=f"(x.z), "=f"(x.w)
      : "r"(address), "r"(block)
      : "memory");
  return x;
}

#undef LASSO_CLUSTERS

}  // namespace lasso::kernels::gpu

#endif  // LASSO_KERNELS_CUDA_TENSOR_COPIES_CUH_
