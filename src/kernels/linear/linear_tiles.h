// Linear on tiles (cpu/tile_product.h): bfloat16 and int8 are one code, since tiles count bytes.
#ifndef LASSO_KERNELS_LINEAR_LINEAR_TILES_H_
#define LASSO_KERNELS_LINEAR_LINEAR_TILES_H_

#include <string_view>

#include "kernels/cpu/tile_product.h"
#include "kernels/linear/linear.h"

namespace lasso::kernels {

// Those of weights in bfloat16 or int8, whose numbers the unit has.
Offer offer_linear_tiles(DType weights, const LinearProblem& problem, const TargetInfo& target);
void pack_linear_tiles(const LinearProblem& problem, const std::vector<TensorView>& constants,
                       std::byte* packed);
void run_linear_tiles(const TileIsa& isa, const LinearProblem& problem, int threads,
                      const KernelArgs& args);

// The row that runs on a unit.
template <const TileIsa& kIsa, DType kWeights>
constexpr Kernel<LinearProblem> linear_tiles(std::string_view name, CpuFeature feature) {
  return {
      .name = name,
      .needs = {.features = feature},
      .offer = [](const LinearProblem& p,
                  const TargetInfo& target) { return offer_linear_tiles(kWeights, p, target); },
      .pack = pack_linear_tiles,
      .create = create_problem_state<LinearProblem>,
      .run =
          [](const KernelState& state, const KernelArgs& args) {
            const auto& s = static_cast<const ProblemState<LinearProblem>&>(state);
            run_linear_tiles(kIsa, s.problem, s.target.threads, args);
          },
  };
}

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_LINEAR_LINEAR_TILES_H_
