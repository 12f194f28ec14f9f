// What passes and kernels may assume of the device that a program runs on, and nothing else.
#ifndef LASSO_BACKEND_TARGET_INFO_H_
#define LASSO_BACKEND_TARGET_INFO_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/cpu_features.h"
#include "core/peak.h"

namespace lasso::backend {

enum class DeviceKind : std::uint8_t { kCpu, kCuda };

std::string_view to_string(DeviceKind kind);  // "cpu", "cuda"

struct TargetInfo {
  DeviceKind kind = DeviceKind::kCpu;
  // That kernels may use: what the CPU has, or less where the caller caps it.
  CpuFeatures features = CpuFeature::kAvx2;
  // Of the OpenMP team that runs; part of the plan (workspace per thread).
  int threads = 1;
  RateClasses rates;
  // Of an NVIDIA GPU: what kernels may use of its compute capability, 90 for 9.0, which is no more
  // than their code was compiled for; whether there is code for it with products of warp groups
  // (wgmma); the bytes of shared memory that a block may ask for; its multiprocessors; and whether
  // float32 products may round their factors to TF32.
  int sm = 0;
  bool warp_groups = false;
  std::size_t shared_memory = 0;
  int multiprocessors = 0;
  bool tf32 = false;

  double rate(MultiplyAdd multiply_add) const { return rates.rate(multiply_add); }
  // Whether products of 16-bit numbers (a CPU's bfloat16, any that a GPU has) are faster here than
  // those of float32 ones.
  bool half_is_faster() const {
    return kind == DeviceKind::kCuda ||
           rate(bf16_multiply_add(features)) > rate(fp32_multiply_add(features));
  }
};

// This CPU with at most the features of `cap`, and its rates as they were measured. Throws
// kUnsupported for a CPU without the baseline.
TargetInfo cpu_target(CpuFeatures cap, int threads);

}  // namespace lasso::backend

#endif  // LASSO_BACKEND_TARGET_INFO_H_
