// The GPU's code of the convolutions beside their products.
//
// The neck's 3x3 convolution of [64, 64, 256] by 256 filters is 4.8 GFLOP, 9 us at 550 TFLOP/s of
// bfloat16. Its windows are 19 MB in bfloat16, written once and read by two columns of tiles: 9 us
// of 4.3 TB/s, or less where they stay in L2. The patches of a [1024, 1024, 3] image are its pixels
// in another order: 12.6 MB read and 6.3 MB written, 4.4 us.
#include <type_traits>

#include "kernels/conv/conv_cuda_kernels.h"
#include "kernels/cuda/nest.cuh"
#include "kernels/cuda/tile_product.cuh"

namespace lasso::kernels::gpu {

namespace {

constexpr int kThreads = 256;
constexpr int kGathered = 4;  // vectors of a thread
constexpr Index kMostBlocks = Index{132} * 64;

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

// The windows in vectors that do not reach beyond a run, counted in one number of type T, which
// pixels and distances within an image fit, too.
template <typename T>
struct Gather {
  Gather(const Windows& p, int width)
      : p(p),
        vectors(p.depth / width),
        run_vectors(p.length / width),
        columns(p.columns),
        out_h(p.out_h),
        out_w(p.out_w) {}

  Windows p;
  Divider<T> vectors, run_vectors;  // of a window and of a run
  Divider<T> columns, out_h, out_w;
};

// Loads of all its vectors come before a thread's stores.
template <typename From, typename To, int kWidth, typename T>
__global__ void __launch_bounds__(kThreads)
    gather(const __grid_constant__ Gather<T> g, const From* x, T begin, T positions, To* windows) {
  using Distance = std::make_signed_t<T>;
  const auto height = static_cast<Distance>(g.p.height);
  const auto width = static_cast<Distance>(g.p.width);
  const T first = static_cast<T>(blockIdx.x) * (kThreads * kGathered) + threadIdx.x;
  Vector<To, kWidth> results[kGathered];
#pragma unroll
  for (int j = 0; j < kGathered; ++j) {
#pragma unroll
    for (int i = 0; i < kWidth; ++i) results[j].values[i] = To{};
    const T position = first + j * kThreads;
    if (position >= positions) continue;
    const T row = g.vectors.quotient(position);
    const T vector = position - row * g.vectors.divisor;
    const T run = g.run_vectors.quotient(vector);
    const T inside = vector - run * g.run_vectors.divisor;
    const T u = g.columns.quotient(run);
    const T v = run - u * g.columns.divisor;
    const T pixel = begin + row;
    const T line = g.out_w.quotient(pixel);
    const T image = g.out_h.quotient(line);
    const Distance y = static_cast<Distance>(line - image * g.out_h.divisor) *
                           static_cast<Distance>(g.p.stride_h) -
                       static_cast<Distance>(g.p.top) +
                       static_cast<Distance>(u) * static_cast<Distance>(g.p.dilation_h);
    const Distance column = static_cast<Distance>(pixel - line * g.out_w.divisor) *
                                static_cast<Distance>(g.p.stride_w) -
                            static_cast<Distance>(g.p.left) +
                            static_cast<Distance>(v) * static_cast<Distance>(g.p.dilation_w);
    if (y < 0 || y >= height || column < 0 || column >= width) continue;
    const From* from = x + static_cast<Index>(image) * (g.p.height * g.p.width * g.p.channels) +
                       ((y * width + column) * static_cast<Distance>(g.p.channels) +
                        static_cast<Distance>(inside) * kWidth);
    const auto loaded = load_vector<kWidth>(from);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      if constexpr (std::is_same_v<From, To>) {
        results[j].values[i] = loaded.values[i];
      } else {
        results[j].values[i] = from_float<To>(loaded.values[i]);
      }
    }
  }
#pragma unroll
  for (int j = 0; j < kGathered; ++j) {
    const T position = first + j * kThreads;
    if (position < positions) {
      store_vector(windows + static_cast<Index>(position) * kWidth, results[j]);
    }
  }
}

template <typename From, typename To, int kWidth, typename T>
void launch_gather(const Windows& layout, const KernelArgs& args, const void* x, Index begin,
                   Index count, void* windows) {
  const Index positions = count * (layout.depth / kWidth);
  constexpr Index kOfBlock = kThreads * kGathered;
  launch("gather", gather<From, To, kWidth, T>,
         static_cast<unsigned>((positions + kOfBlock - 1) / kOfBlock), kThreads, 0, args,
         Gather<T>(layout, kWidth), static_cast<const From*>(x), static_cast<T>(begin),
         static_cast<T>(positions), static_cast<To*>(windows));
}

// Whether Gather counts in 32 bits.
bool is_small(const Conv2dProblem& p, Index end, Index positions) {
  constexpr Index kLimit = Index{1} << 31;
  return end < kLimit && positions < kLimit && p.height * p.width * p.channels < kLimit &&
         p.height + p.padding.top + p.padding.bottom < kLimit &&
         p.width + p.padding.left + p.padding.right < kLimit;
}

template <typename From, typename To>
void gather_as(const Conv2dProblem& p, const KernelArgs& args, const void* x, Index begin,
               Index count, void* windows) {
  constexpr int kWidth = 16 / sizeof(To);
  const Windows layout(p);
  const bool vectors =
      layout.aligned(kWidth) && is_small(p, begin + count, count * (layout.depth / kWidth));
  (vectors ? launch_gather<From, To, kWidth, std::uint32_t>
           : launch_gather<From, To, 1, std::uint64_t>)(layout, args, x, begin, count, windows);
}

// The plain product's operands: a batch is a group.
struct WindowRows {
  Numbers x;
  DType rounding;
  Windows p;
  Index kernel_w;
  Index group_channels;

  __device__ Index begin(Index group) const { return group; }
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

  __device__ Index begin(Index group) const { return group * group_filters * depth; }
  __device__ float load(Index begin, Index filter, Index k) const {
    return w.load(begin + filter * depth + k);
  }
};

struct Pixels {
  MutableNumbers y;
  Index filters;
  Index group_filters;
  Finish finish;

  __device__ void store(Index group, Index pixel, Index filter, float sum) const {
    const Index column = group * group_filters + filter;
    const Index at = pixel * filters + column;
    y.store(at, finish(sum, column, at));
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

  __device__ Index begin(Index /*batch*/) const { return 0; }
  __device__ float load(Index /*begin*/, Index row, Index k) const {
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
  if (count == 0 || p.channels == 0) return;
  if (is_half(p.input)) {  // and of the weights' type
    return gather_as<std::uint16_t, std::uint16_t>(p, args, x, begin, count, windows);
  }
  with_float_type(p.weights, [&](auto* to) {
    gather_as<float, std::remove_pointer_t<decltype(to)>>(p, args, x, begin, count, windows);
  });
}

void run_conv_tile(const Conv2dProblem& p, const KernelArgs& args, const void* w,
                   const float* bias) {
  const Index depth = p.kernel_h * p.kernel_w * p.group_channels();
  const WindowRows rows{
      {args.inputs[0], p.input}, p.weights, Windows(p), p.kernel_w, p.group_channels()};
  const Filters filters{{w, p.weights}, p.group_filters(), depth};
  const Pixels pixels{{args.outputs[0], p.output},
                      p.filters,
                      p.group_filters(),
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
