#include "kernels/conv/conv_wgmma.cuh"

namespace lasso::kernels::gpu {

void run_conv_wgmma_fp16(const ConvParameters& p, const KernelArgs& args, int tile, int channels,
                         int multiprocessors) {
  run_conv_wgmma<__half>(p, args, tile, channels, multiprocessors);
}

}  // namespace lasso::kernels::gpu
