// Convolutions of each channel apart. Bytes over bandwidth on an H200: MobileSAM's [256, 256, 256]
// in float32 is 67 MB read and 67 MB written, 31 us at 4.3 TB/s. Operations over peak: 0.3 GFLOP, 5
// us at 60 TFLOP/s. The nine reads of each number meet the first cache, 4 bytes per multiply-add:
// columns of a thread share the weights, which would be as many bytes again.
#include "kernels/conv/conv_cuda_kernels.h"
#include "kernels/cuda/nest.cuh"
#include "kernels/cuda/tile_product.cuh"

namespace lasso::kernels::gpu {

namespace {

constexpr int kThreads = 256;
constexpr int kColumns = 4;  // of the result, next to each other, of a thread

// What the kernel needs of a Conv2dProblem, with its names.
struct ChannelWindows {
  Index height, width, channels;
  Index kernel_h, kernel_w;
  graph::Size2d stride, dilation;
  graph::Pads2d padding;
  graph::Activation activation;

  __device__ Index top(Index out_row) const { return out_row * stride.h - padding.top; }
  __device__ Index left(Index out_column) const { return out_column * stride.w - padding.left; }
};

// Positions in the result: vectors of channels of kColumns columns.
template <typename T>
struct DepthwiseNest {
  Divider<T> vectors, columns, rows;
};

template <typename X, typename W, typename Y, int kWidth, typename T>
__global__ void __launch_bounds__(kThreads)
    depthwise(const X* __restrict__ x, const W* __restrict__ w, const float* __restrict__ bias,
              Y* __restrict__ y, const __grid_constant__ ChannelWindows p,
              const __grid_constant__ DepthwiseNest<T> nest, Index out_w, T count) {
  for (T at = first_position<T>(); at < count; at += position_step<T>()) {
    const T group = nest.vectors.quotient(at);
    const T line = nest.columns.quotient(group);
    const T image = nest.rows.quotient(line);
    const auto channel = static_cast<Index>(at - group * nest.vectors.divisor) * kWidth;
    const Index j = static_cast<Index>(group - line * nest.columns.divisor) * kColumns;
    const Index top = p.top(static_cast<Index>(line - image * nest.rows.divisor));
    float sums[kColumns][kWidth] = {};
    for (Index u = 0; u < p.kernel_h; ++u) {
      const Index row = top + u * p.dilation.h;
      if (row < 0 || row >= p.height) continue;
      const X* from =
          x + (static_cast<Index>(image) * p.height + row) * p.width * p.channels + channel;
      for (Index v = 0; v < p.kernel_w; ++v) {
        const auto weights = load_vector<kWidth>(w + (u * p.kernel_w + v) * p.channels + channel);
#pragma unroll
        for (int i = 0; i < kColumns; ++i) {
          const Index column = p.left(j + i) + v * p.dilation.w;
          if (column < 0 || column >= p.width) continue;
          const auto values = load_vector<kWidth>(from + column * p.channels);
#pragma unroll
          for (int k = 0; k < kWidth; ++k) {
            const float value = to_float(from_float<W>(to_float(values.values[k])));
            sums[i][k] = fmaf(value, to_float(weights.values[k]), sums[i][k]);
          }
        }
      }
    }
#pragma unroll
    for (int i = 0; i < kColumns; ++i) {
      if (j + i >= out_w) break;
      Vector<Y, kWidth> result;
#pragma unroll
      for (int k = 0; k < kWidth; ++k) {
        result.values[k] = from_float<Y>(activate(p.activation, sums[i][k] + bias[channel + k]));
      }
      store_vector(y + (static_cast<Index>(line) * out_w + j + i) * p.channels + channel, result);
    }
  }
}

template <typename X, typename W, typename Y, int kWidth>
void launch_depthwise(const Conv2dProblem& p, const KernelArgs& args, const void* w,
                      const float* bias) {
  const Index columns = (p.out_w() + kColumns - 1) / kColumns;
  const Index count = p.batch * p.out_h() * columns * (p.channels / kWidth);
  if (count == 0) return;
  const ChannelWindows windows{p.height, p.width,    p.channels, p.kernel_h,  p.kernel_w,
                               p.stride, p.dilation, p.padding,  p.activation};
  with_position_type(count, [&](auto zero) {
    using T = decltype(zero);
    DepthwiseNest<T> nest;
    nest.vectors = Divider<T>(p.channels / kWidth);
    nest.columns = Divider<T>(columns);
    nest.rows = Divider<T>(p.out_h());
    launch("depthwise", depthwise<X, W, Y, kWidth, T>, blocks_for(count, kThreads), kThreads, 0,
           args, static_cast<const X*>(args.inputs[0]), static_cast<const W*>(w), bias,
           static_cast<Y*>(args.outputs[0]), windows, nest, p.out_w(), static_cast<T>(count));
  });
}

// Calls f with a null pointer of float or else of T, which numbers that are not float32 have.
template <typename T, typename F>
void with_type_or_float(DType dtype, const F& f) {
  if (dtype == DType::kF32) {
    f(static_cast<float*>(nullptr));
  } else {
    f(static_cast<T*>(nullptr));
  }
}

}  // namespace

void run_depthwise(const Conv2dProblem& p, const KernelArgs& args, const void* w,
                   const float* bias) {
  with_float_type(p.weights, [&](auto* pointer) {
    using W = std::remove_pointer_t<decltype(pointer)>;
    with_type_or_float<W>(p.input, [&](auto* x) {
      with_type_or_float<W>(p.output, [&](auto* y) {
        using X = std::remove_pointer_t<decltype(x)>;
        using Y = std::remove_pointer_t<decltype(y)>;
        const bool vectors = p.channels % 4 == 0;
        (vectors ? launch_depthwise<X, W, Y, 4> : launch_depthwise<X, W, Y, 1>)(p, args, w, bias);
      });
    });
  });
}

}  // namespace lasso::kernels::gpu
