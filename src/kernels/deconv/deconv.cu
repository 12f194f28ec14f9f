// Deconv2d by the plain product: a row is what the taps of a pixel of the result find in x, zeros
// where they find nothing. Operations over peak on an H200: a 4 x 4 kernel of stride 2 from [64,
// 64, 256] to 128 filters is 4.3 GFLOP, four times as much with the zeros, 0.3 ms at 60 TFLOP/s.
// Bytes over bandwidth: 4 MB read and 8 MB written, 3 us at 4.3 TB/s.
#include "kernels/cuda/tile_product.cuh"
#include "kernels/deconv/deconv_cuda_kernels.h"

namespace lasso::kernels {

namespace {

using gpu::Index;

// A batch of the product is a group.
struct TapRows {
  const float* x;
  DeconvAxis h, w;
  Index channels;
  Index group_channels;

  __device__ Index begin(Index group) const { return group; }
  __device__ float load(Index group, Index pixel, Index k) const {
    const Index tap = k / group_channels;
    const Index channel = group * group_channels + (k - tap * group_channels);
    const Index u = tap / w.kernel;
    const Index line = pixel / w.result;
    const Index image = line / h.result;
    const Index row = h.source(line - image * h.result, u);
    const Index column = w.source(pixel - line * w.result, tap - u * w.kernel);
    if (row < 0 || column < 0) return 0.0F;
    return x[((image * h.size + row) * w.size + column) * channels + channel];
  }
};

struct Filters {
  const float* w;
  Index group_filters;
  Index depth;

  __device__ Index begin(Index group) const { return group * group_filters * depth; }
  __device__ float load(Index begin, Index filter, Index k) const {
    return w[begin + filter * depth + k];
  }
};

struct Pixels {
  float* y;
  Index filters;
  Index group_filters;
  gpu::Finish finish;

  __device__ void store(Index group, Index pixel, Index filter, float sum) const {
    const Index column = group * group_filters + filter;
    const Index at = pixel * filters + column;
    y[at] = finish(sum, column, at);
  }
};

}  // namespace

namespace gpu {

void run_deconv_tile(const Deconv2dProblem& p, const KernelArgs& args, const float* w,
                     const float* bias) {
  const Index depth = p.taps() * p.group_channels();
  const TapRows rows{static_cast<const float*>(args.inputs[0]), p.h, p.w, p.channels,
                     p.group_channels()};
  const Filters weights{w, p.group_filters(), depth};
  const Pixels pixels{static_cast<float*>(args.outputs[0]), p.filters, p.group_filters(),
                      Finish{bias, nullptr, p.activation}};
  launch_tile_product("deconv2d", args, p.pixels(), p.group_filters(), depth, p.groups, rows,
                      weights, pixels);
}

}  // namespace gpu

}  // namespace lasso::kernels
