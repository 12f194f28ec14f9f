// OpenCV's interpolation of 8 bits with its integers, borders, and values between 0 and 1.
//
// For 1920x1080 to 640x384: a tenth of 6 MB is read, 2.9 MB are written: 1 us at 4.3 TB/s. A pixel
// takes a few operations in double precision for its place, as the CPU's, 0.2 us at the rate of
// these.
#include "kernels/cuda/launch.cuh"
#include "kernels/image/image_cuda.h"

namespace lasso::kernels {

namespace {

constexpr int kThreads = 128;
// As in image/letterbox.
constexpr float kOne = 2048.0F;
constexpr float kPad = 114.0F;

// The two pixels of a position along an axis, and their weights.
struct Tap {
  int first;
  int weight;
  int next_weight;
};

// In the CPU's steps: none of them is fused with another.
__device__ Tap tap_of(int position, int size, int resized) {
  const double scale = 1.0 / (static_cast<double>(resized) / size);
  const auto at = static_cast<float>(__dsub_rn(__dmul_rn(position + 0.5, scale), 0.5));
  const float first = floorf(at);
  const float part = __fsub_rn(at, first);
  return {static_cast<int>(first), __float2int_rn(__fmul_rn(__fsub_rn(1.0F, part), kOne)),
          __float2int_rn(__fmul_rn(part, kOne))};
}

__device__ int within(int i, int size) { return min(max(i, 0), size - 1); }

template <typename T>
__global__ void letterbox(const std::uint8_t* __restrict__ pixels, T* __restrict__ out,
                          const __grid_constant__ LetterboxProblem p) {
  const int x = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (x >= p.input_width) return;
  const int column = x - p.left;
  const gpu::Index plane = static_cast<gpu::Index>(p.input_width) * p.input_height;
  for (int y = static_cast<int>(blockIdx.y); y < p.input_height; y += static_cast<int>(gridDim.y)) {
    T* to = out + static_cast<gpu::Index>(y) * p.input_width + x;
    const int row = y - p.top;
    if (column < 0 || row < 0 || column >= p.resized_width || row >= p.resized_height) {
      for (int c = 0; c < 3; ++c) to[c * plane] = gpu::from_float<T>(__fdiv_rn(kPad, 255.0F));
      continue;
    }
    Tap across = tap_of(column, p.width, p.resized_width);
    if (across.first < 0 || across.first >= p.width - 1) {
      across = {within(across.first, p.width), static_cast<int>(kOne), 0};
    }
    const Tap down = tap_of(row, p.height, p.resized_height);
    const int next = across.next_weight == 0 ? 0 : p.pixel_bytes;  // none behind the last one
    const auto pixel_at = [&](int line) {
      const gpu::Index at =
          static_cast<gpu::Index>(within(line, p.height)) * p.width + across.first;
      return pixels + at * p.pixel_bytes;
    };
    const std::uint8_t* upper = pixel_at(down.first);
    const std::uint8_t* lower = pixel_at(down.first + 1);
    for (int c = 0; c < 3; ++c) {
      const int channel = p.channel[c];
      const auto squeezed = [&](const std::uint8_t* pixel) {
        return (pixel[channel] * across.weight + pixel[channel + next] * across.next_weight) >> 4;
      };
      const int value = ((down.weight * squeezed(upper) >> 16) +
                         (down.next_weight * squeezed(lower) >> 16) + 2) >>
                        2;
      to[c * plane] = gpu::from_float<T>(__fdiv_rn(static_cast<float>(value), 255.0F));
    }
  }
}

void run(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<LetterboxProblem>&>(state).problem;
  const dim3 grid(gpu::blocks_for(p.input_width, kThreads),
                  static_cast<unsigned>(std::min(p.input_height, 65535)));
  gpu::with_float_type(p.output, [&](auto* type) {
    using T = std::remove_pointer_t<decltype(type)>;
    gpu::launch("letterbox", letterbox<T>, grid, kThreads, 0, args,
                static_cast<const std::uint8_t*>(args.inputs[0]), static_cast<T*>(args.outputs[0]),
                p);
  });
}

}  // namespace

const std::vector<Kernel<LetterboxProblem>>& letterbox_cuda_kernels() {
  static const std::vector<Kernel<LetterboxProblem>> list{
      {"one_pass", Needs::gpu(), always<LetterboxProblem>, nullptr,
       create_problem_state<LetterboxProblem>, run}};
  return list;
}

}  // namespace lasso::kernels
