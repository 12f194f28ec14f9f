#include "kernels/cuda/product.h"

#include <algorithm>

#include "core/aligned_buffer.h"

namespace lasso::kernels::gpu {

namespace {

constexpr std::size_t kPart = 256;  // the alignment of parts of the workspace

// Whether cuBLASLt's epilogue does everything.
bool fuses(const ProductProblem& p) { return has_epilogue(p.activation, p.residual, p.output); }

// The workspace holds x rounded to the weights' type, then sums that are finished into another
// type, then what cuBLASLt takes.
std::size_t rounded_bytes(const ProductProblem& p) {
  if (p.input == p.weights) return 0;
  return align_up(static_cast<std::size_t>(p.m * p.k) * size_of(p.weights), kPart);
}
std::size_t sum_bytes(const ProductProblem& p) {
  if (fuses(p) || p.output == DType::kF32) return 0;
  return align_up(static_cast<std::size_t>(p.m * p.n) * sizeof(float), kPart);
}

// The sums alone.
GemmProblem plain_problem(const ProductProblem& p, const TargetInfo& target) {
  return {.m = p.m,
          .n = p.n,
          .k = p.k,
          .type = p.weights,
          .tf32 = target.tf32,
          .workspace_bytes = gemm_workspace(p.m, p.n, target)};
}

// With all that comes after them.
GemmProblem fused_problem(const ProductProblem& p, const TargetInfo& target) {
  GemmProblem whole = plain_problem(p, target);
  whole.output = p.output;
  whole.bias = p.bias;
  whole.residual = p.residual;
  whole.activation = p.activation;
  return whole;
}

}  // namespace

std::string refused_types(const ProductProblem& p, const TargetInfo& target) {
  if (p.weights == DType::kI8) return "int8 on the GPU is not available yet";
  if (p.weights != DType::kF32 && !is_half(p.weights)) {
    return "weights of type " + std::string(to_string(p.weights));
  }
  for (const DType dtype : {p.input, p.output}) {
    if (dtype == DType::kF32 || dtype == p.weights) continue;
    return std::string(to_string(dtype)) + " with weights of type " +
           std::string(to_string(p.weights));
  }
  if (p.weights == DType::kBF16 && target.sm < 80) return "products of bfloat16 need sm_80";
  return {};
}

std::size_t gemm_workspace(std::int64_t m, std::int64_t n, const TargetInfo& target) {
  // At most what NVIDIA recommends for Hopper and for older GPUs; a small product has no use for
  // more than the float32 sums of 32 parts of k.
  constexpr std::size_t kMiB = std::size_t{1} << 20;
  if (m == 0 || n == 0) return 0;
  const std::size_t most = target.sm >= 90 ? 32 * kMiB : 8 * kMiB;
  const std::size_t sums = align_up(static_cast<std::size_t>(m * n) * sizeof(float), kPart);
  return sums >= most ? most : std::clamp(32 * sums, kMiB, most);
}

Product::Product(const ProductProblem& p, const TargetInfo& target, const std::string& tuning)
    : problem_(p), finish_(!fuses(p)) {
  if (!finish_) {
    gemm_ = Gemm::tuned(fused_problem(p, target), tuning);
    if (gemm_ || p.output != DType::kF32) return;
    finish_ = true;
  }
  gemm_ = Gemm::tuned(plain_problem(p, target), tuning);
}

std::vector<std::string> Product::tunings(const ProductProblem& p, const TargetInfo& target) {
  if (fuses(p)) {
    std::vector<std::string> texts = Gemm::tunings(fused_problem(p, target));
    if (!texts.empty() || p.output != DType::kF32) return texts;
  }
  return Gemm::tunings(plain_problem(p, target));
}

std::size_t Product::workspace_bytes(const ProductProblem& p, const TargetInfo& target) {
  return rounded_bytes(p) + sum_bytes(p) + gemm_workspace(p.m, p.n, target);
}

void Product::run(const KernelArgs& args, Operands o) const {
  const ProductProblem& p = problem_;
  if (!gemm_) return run_tile(p, args, o);
  std::byte* sums = o.workspace + rounded_bytes(p);
  std::byte* rest = sums + sum_bytes(p);
  if (p.input != p.weights) {
    round_numbers(args, static_cast<const float*>(o.x), o.workspace, p.weights, p.m * p.k);
    o.x = o.workspace;
  }
  if (!finish_) {
    gemm_->run(args, o.x, o.w, p.output == DType::kF32 ? o.bias : o.half_bias, o.residual, o.y,
               rest);
    return;
  }
  void* y = p.output == DType::kF32 ? o.y : sums;
  gemm_->run(args, o.x, o.w, nullptr, nullptr, y, rest);
  finish(p, args, static_cast<const float*>(y), o);
}

namespace {

ProductProblem with_rows(ProductProblem problem, std::int64_t rows) {
  problem.m = rows;
  return problem;
}

}  // namespace

PartedProduct::PartedProduct(const ProductProblem& p, std::int64_t part, const TargetInfo& target,
                             const std::string& tuning)
    : rows_(p.m),
      part_(part),
      whole_(with_rows(p, part), target, tuning),
      rest_(part == 0 ? whole_ : Product(with_rows(p, p.m % part), target)) {}

std::string Product::implementation() const { return gemm_ ? gemm_->implementation() : "tile"; }

}  // namespace lasso::kernels::gpu
