// The rows of MaskUpscaling by blocks.
#include "kernels/upscaling/upscaling_blocks.h"

namespace lasso::kernels {

namespace {

using upscaling::Bf16Layers;
using upscaling::FloatLayers;
using upscaling::TileLayers;
using upscaling::upscaling_blocks;

constexpr CpuFeature kAvx2 = CpuFeature::kAvx2;
constexpr CpuFeature kAvx512 = CpuFeature::kAvx512;
constexpr CpuFeature kAvx512Bf16 = CpuFeature::kAvx512Bf16;

}  // namespace

const Kernel<MaskUpscalingProblem> kMaskUpscalingAmx =
    upscaling_blocks<TileLayers<kAmxBf16>, CpuFeature::kAmxBf16>("tiles");
const Kernel<MaskUpscalingProblem> kMaskUpscalingBf16 =
    upscaling_blocks<Bf16Layers<kAvx512Bf16>, kAvx512Bf16>("blocks");
const Kernel<MaskUpscalingProblem> kMaskUpscalingWidenedAvx512 =
    upscaling_blocks<Bf16Layers<kAvx512>, kAvx512>("widened");
const Kernel<MaskUpscalingProblem> kMaskUpscalingWidenedAvx2 =
    upscaling_blocks<Bf16Layers<kAvx2>, kAvx2>("widened");
const Kernel<MaskUpscalingProblem> kMaskUpscalingAvx512 =
    upscaling_blocks<FloatLayers<kAvx512>, kAvx512>("blocks");
const Kernel<MaskUpscalingProblem> kMaskUpscalingAvx2 =
    upscaling_blocks<FloatLayers<kAvx2>, kAvx2>("blocks");

}  // namespace lasso::kernels
