// The GPU's code of the convolutions beside their products.
//
// The neck's 3x3 convolution of [64, 64, 256] by 256 filters is 4.8 GFLOP, 9 us at 550 TFLOP/s of
// bfloat16. Its windows are 19 MB in bfloat16, written once and read by two columns of tiles: 9 us
// of 4.3 TB/s, or less where they stay in L2. The patches of a [1024, 1024, 3] image are its pixels
// in another order: 12.6 MB read and 6.3 MB written, 4.4 us.
#include <type_traits>

#include "kernels/conv/conv_cuda_kernels.h"
#include "kernels/cuda/tile_product.cuh"

namespace lasso::kernels::gpu {

namespace {

constexpr int kThreads = 256;
constexpr int kWarp = 32;
constexpr int kWarps = kThreads / kWarp;
constexpr int kGatherWidth = 8;
constexpr Index kMostBlocks = Index{132} * 64;

// Numbers as they lie in memory. No more than 16 bytes are loaded at once.
template <typename T, int kWidth>
struct alignas(kWidth * sizeof(T) < 16 ? kWidth * sizeof(T) : 16) Vector {
  T values[kWidth];
};

// The window as runs of numbers that lie together in x and are inside of the image or not as a
// whole: a pixel's channels, or those of the window's whole width if it never reaches beyond the
// image's sides.
struct Windows {
  Index height, width, channels;
  Index out_h, out_w;
  Index stride_h, stride_w, top, left, dilation_h, dilation_w;
  int length;   // of a run
  int columns;  // runs in a row of the window
  int depth;    // numbers of the whole window

  explicit Windows(const Conv2dProblem& p)
      : height(p.height),
        width(p.width),
        channels(p.channels),
        out_h(p.out_h()),
        out_w(p.out_w()),
        stride_h(p.stride.h),
        stride_w(p.stride.w),
        top(p.padding.top),
        left(p.padding.left),
        dilation_h(p.dilation.h),
        dilation_w(p.dilation.w) {
    const bool wide = p.padding.left == 0 && p.padding.right == 0 && p.dilation.w == 1;
    columns = wide ? 1 : static_cast<int>(p.kernel_w);
    length = static_cast<int>(wide ? p.kernel_w * p.channels : p.channels);
    depth = static_cast<int>(p.kernel_h * p.kernel_w * p.channels);
  }

  // Whether all runs begin at multiples of `multiple` elements and are as long.
  bool aligned(int multiple) const {
    if (length % multiple != 0) return false;
    return columns > 1 ||
           ((stride_w * channels) % multiple == 0 && (width * channels) % multiple == 0);
  }
};

// A warp for each window.
template <typename From, typename To, int kWidth>
__global__ void __launch_bounds__(kThreads)
    gather(Windows p, const From* x, Index begin, Index count, To* windows) {
  const Index step = static_cast<Index>(gridDim.x) * kWarps;
  for (Index row = static_cast<Index>(blockIdx.x) * kWarps + threadIdx.x / kWarp; row < count;
       row += step) {
    const Index pixel = begin + row;
    const Index line = pixel / p.out_w;
    const Index image = line / p.out_h;
    const Index top = (line - image * p.out_h) * p.stride_h - p.top;
    const Index left = (pixel - line * p.out_w) * p.stride_w - p.left;
    for (int i = static_cast<int>(threadIdx.x % kWarp) * kWidth; i < p.depth; i += kWarp * kWidth) {
      const int run = i / p.length;
      const int u = run / p.columns;
      const int v = run - u * p.columns;
      const Index y = top + u * p.dilation_h;
      const Index column = left + v * p.dilation_w;
      Vector<To, kWidth> result;
      if (y >= 0 && y < p.height && column >= 0 && column < p.width) {
        const Index at = ((image * p.height + y) * p.width + column) * p.channels;
        const auto from =
            *reinterpret_cast<const Vector<From, kWidth>*>(x + at + (i - run * p.length));
#pragma unroll
        for (int j = 0; j < kWidth; ++j)
          result.values[j] = from_float<To>(to_float(from.values[j]));
      } else {
#pragma unroll
        for (int j = 0; j < kWidth; ++j) result.values[j] = from_float<To>(0.0F);
      }
      *reinterpret_cast<Vector<To, kWidth>*>(windows + row * p.depth + i) = result;
    }
  }
}

// The plain product's operands: a batch is a group.
struct WindowRows {
  Numbers x;
  DType rounding;
  Windows p;
  Index kernel_w;
  Index group_channels;

  __device__ float load(Index group, Index pixel, Index k) const {
    const Index tap = k / group_channels;
    const Index channel = group * group_channels + (k - tap * group_channels);
    const Index line = pixel / p.out_w;
    const Index image = line / p.out_h;
    const Index row = (line - image * p.out_h) * p.stride_h - p.top + tap / kernel_w * p.dilation_h;
    const Index column =
        (pixel - line * p.out_w) * p.stride_w - p.left + tap % kernel_w * p.dilation_w;
    if (row < 0 || row >= p.height || column < 0 || column >= p.width) return 0.0F;
    return rounded_to(rounding,
                      x.load(((image * p.height + row) * p.width + column) * p.channels + channel));
  }
};

struct Filters {
  Numbers w;
  Index group_filters;
  Index depth;

  __device__ float load(Index group, Index filter, Index k) const {
    return w.load((group * group_filters + filter) * depth + k);
  }
};

struct Pixels {
  float* y;
  Index filters;
  Index group_filters;
  Finish finish;

  __device__ void store(Index group, Index pixel, Index filter, float sum) const {
    const Index column = group * group_filters + filter;
    const Index at = pixel * filters + column;
    y[at] = finish(sum, column, at);
  }
};

// Where the sum of an input pixel, tap (u, v) and filter belongs in y [batch, s*height, s*width,
// filters]. Images follow each other without a gap in x as in y, so that lines count from the first
// image's top.
struct Taps {
  Index width, stride, filters;

  __device__ Index at(Index pixel, Index tap, Index filter) const {
    const Index line = pixel / width;
    const Index u = tap / stride;
    const Index row = line * stride + u;
    const Index column = (pixel - line * width) * stride + (tap - u * stride);
    return (row * (width * stride) + column) * filters + filter;
  }
};

struct TransposeRows {
  Numbers numbers;
  DType rounding;
  Index channels;

  __device__ float load(Index /*batch*/, Index row, Index k) const {
    return rounded_to(rounding, numbers.load(row * channels + k));
  }
};

struct TapPixels {
  MutableNumbers y;
  Taps taps;
  Finish finish;

  __device__ void store(Index /*batch*/, Index pixel, Index column, float sum) const {
    const Index tap = column / taps.filters;
    const Index filter = column - tap * taps.filters;
    const Index at = taps.at(pixel, tap, filter);
    y.store(at, finish(sum, filter, at));
  }
};

// A thread for kWidth filters of a pixel and tap.
template <typename T, int kWidth>
__global__ void __launch_bounds__(kThreads)
    scatter(Taps taps, const float* sums, const float* bias, T* y, Index begin, Index count,
            graph::Activation activation) {
  const int parts = static_cast<int>(taps.filters / kWidth);
  const Index columns = taps.stride * taps.stride * parts;
  const Index step = static_cast<Index>(gridDim.x) * kThreads;
  for (Index i = static_cast<Index>(blockIdx.x) * kThreads + threadIdx.x; i < count * columns;
       i += step) {
    const Index pixel = i / columns;
    const int column = static_cast<int>(i - pixel * columns);
    const int tap = column / parts;
    const int filter = (column - tap * parts) * kWidth;
    const auto x = reinterpret_cast<const Vector<float, kWidth>*>(sums)[i];
    const auto b = *reinterpret_cast<const Vector<float, kWidth>*>(bias + filter);
    Vector<T, kWidth> result;
#pragma unroll
    for (int j = 0; j < kWidth; ++j) {
      result.values[j] = from_float<T>(activate(activation, x.values[j] + b.values[j]));
    }
    *reinterpret_cast<Vector<T, kWidth>*>(y + taps.at(begin + pixel, tap, filter)) = result;
  }
}

}  // namespace

void gather_windows(const Conv2dProblem& p, const KernelArgs& args, const void* x,
                    std::int64_t begin, std::int64_t count, void* windows) {
  const Windows layout(p);
  const bool vectors = layout.aligned(kGatherWidth);
  with_float_type(p.input, [&](auto* from) {
    with_float_type(p.weights, [&](auto* to) {
      using From = std::remove_pointer_t<decltype(from)>;
      using To = std::remove_pointer_t<decltype(to)>;
      if constexpr (std::is_same_v<From, To> || std::is_same_v<From, float>) {
        launch("gather", vectors ? gather<From, To, kGatherWidth> : gather<From, To, 1>,
               blocks_for(count, kWarps, kMostBlocks), kThreads, 0, args, layout,
               static_cast<const From*>(x), begin, count, static_cast<To*>(windows));
      }
    });
  });
}

void run_conv_tile(const Conv2dProblem& p, const KernelArgs& args, const void* w,
                   const float* bias) {
  const Index depth = p.kernel_h * p.kernel_w * p.group_channels();
  const WindowRows rows{
      {args.inputs[0], p.input}, p.weights, Windows(p), p.kernel_w, p.group_channels()};
  const Filters filters{{w, p.weights}, p.group_filters(), depth};
  const Pixels pixels{static_cast<float*>(args.outputs[0]), p.filters, p.group_filters(),
                      Finish{bias, nullptr, p.activation}};
  launch_tile_product("conv2d", args, p.batch * p.out_h() * p.out_w(), p.group_filters(), depth,
                      p.groups, rows, filters, pixels);
}

void scatter_taps(const ConvTranspose2dProblem& p, const KernelArgs& args, const float* sums,
                  const float* bias, std::int64_t begin, std::int64_t count) {
  const Taps taps{p.width, p.stride, p.filters};
  with_float_type(p.output, [&](auto* pointer) {
    using T = std::remove_pointer_t<decltype(pointer)>;
    const int width = p.filters % 4 == 0 ? 4 : 1;
    const Index threads = count * p.stride * p.stride * (p.filters / width);
    launch("scatter", width == 4 ? scatter<T, 4> : scatter<T, 1>,
           blocks_for(threads, kThreads, kMostBlocks), kThreads, 0, args, taps, sums, bias,
           static_cast<T*>(args.outputs[0]), begin, count, p.activation);
  });
}

void run_transpose_tile(const ConvTranspose2dProblem& p, const KernelArgs& args, const void* w,
                        const float* bias) {
  const TransposeRows rows{{args.inputs[0], p.input}, p.weights, p.channels};
  const Filters filters{{w, p.weights}, 0, p.channels};
  const TapPixels pixels{{args.outputs[0], p.output},
                         Taps{p.width, p.stride, p.filters},
                         Finish{bias, nullptr, p.activation}};
  launch_tile_product("conv_transpose2d", args, p.batch * p.height * p.width,
                      p.stride * p.stride * p.filters, p.channels, 1, rows, filters, pixels);
}

}  // namespace lasso::kernels::gpu
