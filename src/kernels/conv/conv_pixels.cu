// Convolutions of images of few channels, such as a detector's first.
//
// YOLOv7's 3x3 convolution of 16 images [640, 640, 3] by 32 filters reads 39 MB of 16-bit numbers
// and writes 419 MB, 107 us at an H200's 4.3 TB/s; its 11 GFLOP take 14 us of 790 TFLOP/s, and a
// third more for windows of 27 numbers that are filled up to 32.
//
// A warp has 16 pixels of the result and takes the numbers of their windows from the image right as
// products want them; windows overlap, and what they share is in the first cache. Filters lie in
// shared memory.
#include <type_traits>

#include "kernels/conv/conv_pixels.h"
#include "kernels/conv/conv_result.cuh"
#include "kernels/cuda/nest.cuh"

namespace lasso::kernels::gpu {

namespace {

constexpr int kThreads = 128;
constexpr int kPixels = 64;   // of a block at a time
constexpr int kColumns = 32;  // filters at a time
constexpr int kBlocks = 8;    // of a multiprocessor, for its threads to hide what they wait for

struct PixelWindows : ConvResult, ConvWindows {
  Index image;  // numbers of an image
  int height, width, channels;
  int depth;
  Divider<std::uint32_t> out_h, out_w;
};

template <typename T, typename X>
__device__ __forceinline__ std::uint32_t bits_of(X x) {
  if constexpr (std::is_same_v<T, X>) {
    return *reinterpret_cast<const std::uint16_t*>(&x);
  } else {
    return bits_of<T>(from_float<T>(x));
  }
}

// Where a number of a window lies: beside the window's first pixel, and in memory.
struct Place {
  int row, column, offset;

  Place() = default;
  __device__ __forceinline__ Place(const PixelWindows& p, int k) {
    const int tap = k / p.channels;
    const int u = tap / p.kernel_w;
    // Those that windows are filled up with lie outside of every image.
    row = k < p.depth ? u * p.dilation_h : -(1 << 30);
    column = (tap - u * p.kernel_w) * p.dilation_w;
    offset = (u * p.dilation_h * p.width + column) * p.channels + k - tap * p.channels;
  }
};

// A pixel of the result has its window here.
template <typename X>
struct Window {
  const X* first;  // the number at (row, column), which may lie outside of the image
  const X* any;    // a number that is there
  int row, column;

  __device__ __forceinline__ Window(const PixelWindows& p, const X* x, int pixel) : any(x) {
    const std::uint32_t at = min(pixel, p.pixels - 1);
    const std::uint32_t line = p.out_w.quotient(at);
    const std::uint32_t image = p.out_h.quotient(line);
    row = static_cast<int>(line - image * p.out_h.divisor) * p.stride_h - p.top;
    column = static_cast<int>(at - line * p.out_w.divisor) * p.stride_w - p.left;
    first = x + (static_cast<Index>(image) * p.image +
                 (static_cast<Index>(row) * p.width + column) * p.channels);
  }
  __device__ __forceinline__ bool has(const PixelWindows& p, const Place& place) const {
    return static_cast<unsigned>(row + place.row) < static_cast<unsigned>(p.height) &
           static_cast<unsigned>(column + place.column) < static_cast<unsigned>(p.width);
  }
  // Reads in any case, so that many reads are under way at a time.
  __device__ __forceinline__ X load(const PixelWindows& p, const Place& place) const {
    return *(has(p, place) ? first + place.offset : any);
  }
};

// Steps: of 16 numbers of a window.
template <typename X, typename T, int Steps>
__global__ void __launch_bounds__(kThreads)
    conv_pixels(const __grid_constant__ PixelWindows p, const X* __restrict__ x,
                const T* __restrict__ w) {
  constexpr int kPitch = 16 * Steps + 8;  // numbers of a filter; rows lie in different banks
  extern __shared__ __align__(16) unsigned char shared[];
  T* const filters = reinterpret_cast<T*>(shared);
  const int columns = (p.filters + kColumns - 1) / kColumns * kColumns;
  for (int i = static_cast<int>(threadIdx.x); i < columns * kPitch; i += kThreads) {
    const int filter = i / kPitch;
    const int k = i - filter * kPitch;
    filters[i] = filter < p.filters && k < p.depth ? w[filter * p.depth + k] : T(0.0F);
  }
  __syncthreads();

  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int own = static_cast<int>(threadIdx.x) / 32 * 16 + lane / 4;
  Place places[Steps][2][2];
#pragma unroll
  for (int step = 0; step < Steps; ++step) {
#pragma unroll
    for (int part = 0; part < 2; ++part) {
      const int k = 16 * step + 8 * part + lane % 4 * 2;
      places[step][part][0] = Place(p, k);
      places[step][part][1] = Place(p, k + 1);
    }
  }
  const int tiles = (p.pixels + kPixels - 1) / kPixels;
  for (int tile = static_cast<int>(blockIdx.x); tile < tiles; tile += static_cast<int>(gridDim.x)) {
    X numbers[2][Steps][2][2];
    std::uint32_t a[Steps][4];
    const Window<X> windows[] = {{p, x, tile * kPixels + own}, {p, x, tile * kPixels + own + 8}};
#pragma unroll
    for (int i = 0; i < 8 * Steps; ++i) {
      const int half = i / (4 * Steps);
      const int step = i / 4 % Steps;
      const int part = i / 2 % 2;
      numbers[half][step][part][i % 2] = windows[half].load(p, places[step][part][i % 2]);
    }
#pragma unroll
    for (int i = 0; i < 4 * Steps; ++i) {
      const int half = i / (2 * Steps);
      const int step = i / 2 % Steps;
      const int part = i % 2;
      const Place(&own_places)[2] = places[step][part];
      const X(&two)[2] = numbers[half][step][part];
      const std::uint32_t low = windows[half].has(p, own_places[0]) ? bits_of<T>(two[0]) : 0;
      const std::uint32_t high = windows[half].has(p, own_places[1]) ? bits_of<T>(two[1]) : 0;
      a[step][2 * part + half] = low | high << 16;
    }
    for (int column = 0; column < p.filters; column += kColumns) {
      float d[kColumns / 2] = {};
#pragma unroll
      for (int n = 0; n < kColumns / 8; ++n) {
        float(&sums)[4] = *reinterpret_cast<float(*)[4]>(d + 4 * n);
        const T* const filter = filters + (column + 8 * n + lane / 4) * kPitch + lane % 4 * 2;
#pragma unroll
        for (int step = 0; step < Steps; ++step) {
          const auto b = [&](int k) {
            return *reinterpret_cast<const std::uint32_t*>(filter + 16 * step + k);
          };
          multiply_add<T>(sums, a[step], b(0), b(8), sums);
        }
      }
      finish_sums(p, column, d);
      store_vectors<T>(p, tile * kPixels, column, d);
    }
  }
}

template <typename X, typename T, int Steps>
void launch_pixels(const PixelWindows& p, const KernelArgs& args, const void* w,
                   int multiprocessors) {
  const Index tiles = (p.pixels + Index{kPixels} - 1) / kPixels;
  const auto columns = static_cast<std::size_t>((p.filters + kColumns - 1) / kColumns * kColumns);
  launch("conv2d", conv_pixels<X, T, Steps>,
         static_cast<unsigned>(std::min(tiles, Index{multiprocessors} * kBlocks)), kThreads,
         columns * (16 * Steps + 8) * sizeof(T), args, p, static_cast<const X*>(args.inputs[0]),
         static_cast<const T*>(w));
}

}  // namespace

void run_conv_pixels(const Conv2dProblem& problem, const KernelArgs& args, const void* w,
                     const float* bias, int multiprocessors) {
  const auto narrow = [](Index x) { return static_cast<int>(x); };
  PixelWindows p = {};
  static_cast<ConvResult&>(p) = conv_result(problem, args, bias);
  static_cast<ConvWindows&>(p) = conv_windows(problem);
  p.image = problem.height * problem.width * problem.channels;
  p.height = narrow(problem.height);
  p.width = narrow(problem.width);
  p.channels = narrow(problem.channels);
  p.depth = narrow(problem.kernel_h * problem.kernel_w * problem.channels);
  p.out_h = Divider<std::uint32_t>(problem.out_h());
  p.out_w = Divider<std::uint32_t>(problem.out_w());
  const auto run = [&](auto x, auto t) {
    using X = decltype(x);
    using T = decltype(t);
    if (p.depth <= 32) return launch_pixels<X, T, 2>(p, args, w, multiprocessors);
    launch_pixels<X, T, kMostPixelDepth / 16>(p, args, w, multiprocessors);
  };
  const bool is_float = problem.input == DType::kF32;
  if (problem.weights == DType::kF16) {
    if (is_float) return run(float{}, __half{});
    return run(__half{}, __half{});
  }
  if (is_float) return run(float{}, __nv_bfloat16{});
  run(__nv_bfloat16{}, __nv_bfloat16{});
}

}  // namespace lasso::kernels::gpu
