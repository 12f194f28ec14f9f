// Convolutions on tiles (cpu/tile_product.h), whose windows are read where they lie
// (conv_windows.h); in bfloat16 and int8.
#ifndef LASSO_KERNELS_CONV_CONV_TILES_H_
#define LASSO_KERNELS_CONV_CONV_TILES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "kernels/conv/conv.h"
#include "kernels/conv/conv_windows.h"
#include "kernels/cpu/tile_product.h"

namespace lasso::kernels {

class ConvTilesState final : public KernelState {
 public:
  ConvTilesState(const Conv2dProblem& problem, int threads);
  Conv2dProblem problem;
  Windows windows;
  std::vector<std::int64_t> offsets;  // of the pieces of a window, in bytes
};

// Those of weights in bfloat16 or int8, whose numbers the unit has.
Offer offer_conv_tiles(DType weights, const Conv2dProblem& problem, const TargetInfo& target);
void pack_conv_tiles(const Conv2dProblem& problem, const std::vector<TensorView>& constants,
                     std::byte* packed);
void run_conv_tiles(const TileIsa& isa, const ConvTilesState& state, const KernelArgs& args);

// The row that runs on a unit.
template <const TileIsa& kIsa, DType kWeights>
constexpr Kernel<Conv2dProblem> conv_tiles(std::string_view name, CpuFeature feature) {
  return {
      .name = name,
      .needs = {.features = feature},
      .offer = [](const Conv2dProblem& p,
                  const TargetInfo& target) { return offer_conv_tiles(kWeights, p, target); },
      .pack = pack_conv_tiles,
      .create = [](const Conv2dProblem& p, const TargetInfo& target,
                   const Offer& /*offer*/) -> std::unique_ptr<KernelState> {
        return std::make_unique<ConvTilesState>(p, target.threads);
      },
      .run =
          [](const KernelState& state, const KernelArgs& args) {
            run_conv_tiles(kIsa, static_cast<const ConvTilesState&>(state), args);
          },
  };
}

}  // namespace lasso::kernels

#endif  // LASSO_KERNELS_CONV_CONV_TILES_H_
