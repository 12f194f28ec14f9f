#include "models/precision.h"

#include "core/check.h"

namespace lasso {

DType weights_of(Precision precision) {
  switch (precision) {
    case Precision::kFp32:
      return DType::kF32;
    case Precision::kFp16:
      return DType::kF16;
    case Precision::kBf16:
      return DType::kBF16;
    case Precision::kInt8:
      return DType::kI8;
    case Precision::kAuto:
      break;
  }
  fail(ErrorCode::kInvalidArgument,
       "precision auto is chosen by calibration; expected fp32, fp16, bf16 or int8");
}

Precision precision_of(DType weights) {
  if (weights == DType::kI8) return Precision::kInt8;
  if (weights == DType::kF16) return Precision::kFp16;
  return weights == DType::kBF16 ? Precision::kBf16 : Precision::kFp32;
}

bool is_gpu(const backend::TargetInfo& target) { return target.kind == backend::DeviceKind::kCuda; }

bool has_bf16(const backend::TargetInfo& target) {
  constexpr int kFirstWithBf16 = 80;
  return is_gpu(target) ? target.sm >= kFirstWithBf16
                        : target.features.has(CpuFeature::kAvx512Bf16);
}

quant::Candidates candidates(const backend::TargetInfo& target, bool reference) {
  if (is_gpu(target)) return quant::gpu_candidates(has_bf16(target));
  return quant::cpu_candidates(reference || target.half_is_faster());
}

void check_precision(Precision precision, const backend::TargetInfo& target) {
  if (is_gpu(target)) {
    LASSO_CHECK(precision != Precision::kInt8, ErrorCode::kUnsupported,
                "precision int8 does not run on GPUs yet; use {}",
                has_bf16(target) ? "fp16 or bf16" : "fp16");
    LASSO_CHECK(precision != Precision::kBf16 || has_bf16(target), ErrorCode::kUnsupported,
                "precision bf16 needs sm_80, and sm_{} is what this GPU has or may use: fp16 and "
                "fp32 run on it",
                target.sm);
    return;
  }
  LASSO_CHECK(precision != Precision::kFp16, ErrorCode::kUnsupported,
              "precision fp16 runs on GPUs; on this CPU use {}",
              has_bf16(target) ? "bf16 or int8" : "int8");
  LASSO_CHECK(precision != Precision::kBf16 || has_bf16(target), ErrorCode::kUnsupported,
              "precision bf16 needs avx512_bf16, and {} is what this CPU has or may use: int8 and "
              "fp32 run on it",
              best_name(target.features));
}

}  // namespace lasso
