// UpscaledProduct of any size and any float type, without tensor cores. Pixels of the upscaled
// image are made where they meet the rows of A, and never stored.
//
// For 16 prompts of SAM's sizes, [16, 128, 128, 64] to 32 filters and 4 masks, it is 4.3 GFLOP, 65
// us at 67 TFLOP/s of float32, and loads as many weights, from the L1 cache: some milliseconds.
// The kernel of tensor cores takes all of SAM's sizes; this one is for all others.
#include "kernels/conv/upscaled_product_kernel.h"
#include "kernels/cuda/nest.cuh"
#include "kernels/cuda/tile_product.cuh"

namespace lasso::kernels::gpu {

namespace {

constexpr int kThreads = 256;
constexpr int kMasks = 4;    // rows of A whose sums a thread has at a time
constexpr int kFilters = 8;  // filters of a pixel that it calculates at a time

struct Operands {
  Numbers x;
  Numbers w;  // [stride, stride, filters, channels]
  const float* bias;
  const float* a;
  float* y;
  Index height, width, channels, filters, stride, masks;
  Index pixels;  // of all upscaled images
  graph::Activation activation;
};

// A thread for each pixel of the upscaled images.
__global__ void __launch_bounds__(kThreads)
    upscaled_product_plain(const __grid_constant__ Operands p) {
  const Index line_pixels = p.width * p.stride;
  const Index area = p.height * p.stride * line_pixels;
  for (Index i = first_position<Index>(); i < p.pixels; i += position_step<Index>()) {
    // Images follow each other without a gap in x as in the result, so that lines count from the
    // first image's top.
    const Index line = i / line_pixels;
    const Index column = i - line * line_pixels;
    const Index x_line = line / p.stride;
    const Index x_column = column / p.stride;
    const Index tap = (line - x_line * p.stride) * p.stride + (column - x_column * p.stride);
    const Index image = x_line / p.height;
    const Index x = (x_line * p.width + x_column) * p.channels;
    const Index w = tap * p.filters * p.channels;
    for (Index m0 = 0; m0 < p.masks; m0 += kMasks) {
      const Index first_mask = image * p.masks + m0;
      float results[kMasks] = {};
      for (Index n0 = 0; n0 < p.filters; n0 += kFilters) {
        float sums[kFilters] = {};
        for (Index c = 0; c < p.channels; ++c) {
          const float value = rounded_to(p.w.dtype, p.x.load(x + c));
#pragma unroll
          for (int j = 0; j < kFilters; ++j) {
            // In place of filters past the last, the last one: they are left out below.
            const Index n = n0 + j < p.filters ? n0 + j : p.filters - 1;
            sums[j] = fmaf(value, p.w.load(w + n * p.channels + c), sums[j]);
          }
        }
#pragma unroll
        for (int j = 0; j < kFilters; ++j) {
          const Index n = n0 + j;
          if (n >= p.filters) continue;
          const float pixel = activate(p.activation, sums[j] + p.bias[n]);
#pragma unroll
          for (int m = 0; m < kMasks; ++m) {
            if (m0 + m >= p.masks) continue;
            results[m] = fmaf(p.a[(first_mask + m) * p.filters + n], pixel, results[m]);
          }
        }
      }
#pragma unroll
      for (int m = 0; m < kMasks; ++m) {
        if (m0 + m < p.masks) p.y[(first_mask + m) * area + (i - image * area)] = results[m];
      }
    }
  }
}

}  // namespace

void run_upscaled_product_plain(const UpscaledProductProblem& problem, const KernelArgs& args,
                                const float* bias) {
  const ConvTranspose2dProblem& p = problem.image;
  const Operands operands{.x = {args.inputs[1], p.input},
                          .w = {args.packed, p.weights},
                          .bias = bias,
                          .a = static_cast<const float*>(args.inputs[0]),
                          .y = static_cast<float*>(args.outputs[0]),
                          .height = p.height,
                          .width = p.width,
                          .channels = p.channels,
                          .filters = p.filters,
                          .stride = p.stride,
                          .masks = problem.rows,
                          .pixels = p.batch * p.height * p.width * p.stride * p.stride,
                          .activation = p.activation};
  launch("upscaled_product_plain", upscaled_product_plain, blocks_for(operands.pixels, kThreads),
         kThreads, 0, args, operands);
}

}  // namespace lasso::kernels::gpu
