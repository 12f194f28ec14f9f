// Two ways to calculate products of bfloat16 matrices: by instructions for bfloat16, and in float32
// where these are missing or slow. Both read the same packed weights.
#ifndef LASSO_KERNELS_CPU_BF16_ARITHMETIC_H_
#define LASSO_KERNELS_CPU_BF16_ARITHMETIC_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "backend/target_info.h"
#include "core/threads.h"
#include "kernels/cpu/product_bf16.h"
#include "kernels/cpu/product_isa.h"
#include "kernels/cpu/product_widened.h"

namespace lasso::kernels::bf16 {

struct Arithmetic {
  // To the nearest, ties to even.
  void (*round)(const float* x, std::int64_t count, std::uint16_t* y) = nullptr;
  const ProductIsa* widened = nullptr;  // in float32 with these instructions; null: in bfloat16

  // Of workspace for each thread.
  std::size_t scratch_bytes(const Product& product) const;
  // See Offer::cost.
  double cost(const Product& product, const backend::TargetInfo& target) const;
};

// That of kernels which need the feature: AVX2 or AVX-512, or AVX-512 BF16.
const Arithmetic& arithmetic_of(CpuFeature feature);

// Computes a range with one thread's scratch_bytes(); gather and locate are those of run_range().
template <typename Gather, typename Locate>
void run_range(const Arithmetic& arithmetic, const Product& product, const Range& range,
               std::byte* scratch, const Gather& gather, const Locate& locate) {
  if (arithmetic.widened != nullptr) {
    run_widened_range(*arithmetic.widened, product, range, scratch, gather, locate);
  } else {
    run_range(product, range, scratch, gather, locate);
  }
}

// `workspace` holds scratch_bytes() for each of so many threads.
template <typename Gather, typename Locate>
void run_product(const Arithmetic& arithmetic, const Product& product, int threads,
                 std::byte* workspace, const Gather& gather, const Locate& locate) {
  const auto run = [&](const Range& range, std::byte* scratch) {
    run_range(arithmetic, product, range, scratch, gather, locate);
  };
  if (!product_is_large(product)) {
    run(product_range(product, 0, 1), workspace);
    return;
  }
  parallel([&](int thread, int team) {
    // A team may be larger than planned for; what lies beyond has no memory.
    const int used = std::min(team, threads);
    if (thread >= used) return;
    run(product_range(product, thread, used),
        workspace + static_cast<std::size_t>(thread) * arithmetic.scratch_bytes(product));
  });
}

}  // namespace lasso::kernels::bf16

#endif  // LASSO_KERNELS_CPU_BF16_ARITHMETIC_H_
