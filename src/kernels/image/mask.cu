// Bilinear upsampling of logits, the threshold, and a bit for each pixel.
//
// For 64 masks of 1024x1024 from 256x256 (SAM): 17 MB are read and 8.4 MB written, 6 us at 4.3
// TB/s. About 45 instructions for each of 67 M pixels are 94 M instructions of warps, 0.1 ms at 4
// for each clock and multiprocessor: that is what a batch takes.
#include "kernels/cuda/launch.cuh"
#include "kernels/image/image_cuda.h"

namespace lasso::kernels {

namespace {

constexpr int kWarps = 8;     // of a block, next to each other in a row of the mask
constexpr int kRows = 32;     // that a warp makes, one after another
constexpr int kThreads = 32;  // of a warp, a pixel each

// One axis of a bilinear resize; see BilinearTaps in image/mask/mask_upsample.h.
struct Axis {
  int size;     // of the input
  float scale;  // input over output
  int begin;    // the output that counts as the first
};

struct Tap {
  int left;
  int right;
  float w0;
  float w1;
};

// The CPU rounds each product and each sum; a fused multiply-add would give other bits.
__device__ float mix(float a, float b, float w0, float w1) {
  return __fadd_rn(__fmul_rn(w0, a), __fmul_rn(w1, b));
}

__device__ Tap tap(const Axis& axis, int i) {
  const float center = __fadd_rn(static_cast<float>(axis.begin + i), 0.5F);
  const float position = fmaxf(__fsub_rn(__fmul_rn(axis.scale, center), 0.5F), 0.0F);
  Tap tap;
  tap.left = min(static_cast<int>(position), axis.size - 1);
  tap.right = min(tap.left + 1, axis.size - 1);
  tap.w1 = fminf(fmaxf(__fsub_rn(position, static_cast<float>(tap.left)), 0.0F), 1.0F);
  tap.w0 = __fsub_rn(1.0F, tap.w1);
  return tap;
}

// A line and its successor, of which the next rows need at least one again. make(n) is line n.
template <typename Line>
class TwoLines {
 public:
  template <typename Make>
  __device__ void advance(const Tap& tap, const Make& make) {
    if (tap.left != top_) {
      top_line = tap.left == bottom_ ? bottom_line : make(tap.left);
      top_ = tap.left;
    }
    if (tap.right != bottom_) {
      bottom_line = tap.right == top_ ? top_line : make(tap.right);
      bottom_ = tap.right;
    }
  }

  Line top_line{};
  Line bottom_line{};

 private:
  int top_ = -1;
  int bottom_ = -1;
};

// The axes of the two steps of an upsampling: to the model's square, and to the image.
struct Steps {
  Axis model_columns;
  Axis model_rows;
  Axis columns;
  Axis rows;
};

// A column of the mask, by rows from top to bottom: of the logits at the model's size, of which
// every line needs two columns.
class ThroughModel {
 public:
  __device__ ThroughModel(const float* logits, const Steps& steps, int x)
      : logits_(logits), steps_(steps), across_(tap(steps.columns, x)) {
    left_ = tap(steps.model_columns, across_.left);
    right_ = tap(steps.model_columns, across_.right);
  }

  __device__ float value(int y) {
    const Tap down = tap(steps_.rows, y);
    lines_.advance(down, [&](int row) { return line(row); });
    return mix(lines_.top_line, lines_.bottom_line, down.w0, down.w1);
  }

 private:
  // A row of the image's part of the model's square, at this column of the mask.
  __device__ float line(int row) {
    const Tap down = tap(steps_.model_rows, row);
    wide_.advance(down, [&](int low) { return wide(low); });
    const float2& a = wide_.top_line;
    const float2& b = wide_.bottom_line;
    return mix(mix(a.x, b.x, down.w0, down.w1), mix(a.y, b.y, down.w0, down.w1), across_.w0,
               across_.w1);
  }

  // A row of the logits at the two columns of the model's square.
  __device__ float2 wide(int row) const {
    const float* in = logits_ + static_cast<gpu::Index>(row) * steps_.model_columns.size;
    return {mix(in[left_.left], in[left_.right], left_.w0, left_.w1),
            mix(in[right_.left], in[right_.right], right_.w0, right_.w1)};
  }

  const float* logits_;
  const Steps& steps_;
  Tap across_;
  Tap left_;
  Tap right_;
  TwoLines<float2> wide_;
  TwoLines<float> lines_;
};

// The same of the logits' sigmoid, straight to the image.
class Probabilities {
 public:
  __device__ Probabilities(const float* logits, const Steps& steps, int x)
      : logits_(logits), steps_(steps), across_(tap(steps.columns, x)) {}

  __device__ float value(int y) {
    const Tap down = tap(steps_.rows, y);
    lines_.advance(down, [&](int row) {
      const float* in = logits_ + static_cast<gpu::Index>(row) * steps_.columns.size;
      return mix(sigmoid(in[across_.left]), sigmoid(in[across_.right]), across_.w0, across_.w1);
    });
    return mix(lines_.top_line, lines_.bottom_line, down.w0, down.w1);
  }

 private:
  static __device__ float sigmoid(float logit) { return __fdiv_rn(1.0F, 1.0F + expf(-logit)); }

  const float* logits_;
  const Steps& steps_;
  Tap across_;
  TwoLines<float> lines_;
};

// The masks' sizes.
struct Masks {
  int count;
  int side;
  int width;
  int height;
  int words;          // of a row
  int blocks_across;  // of a row
  float limit;
};

// A warp makes a word of each of kRows rows.
template <typename Column>
__global__ void mask_bits(const float* logits, const std::int32_t* planes, std::uint32_t* bits,
                          Steps steps, Masks masks) {
  const int lane = static_cast<int>(threadIdx.x) % kThreads;
  const int warp = static_cast<int>(threadIdx.x) / kThreads;
  const int across = static_cast<int>(blockIdx.x) % masks.blocks_across;
  const int first = static_cast<int>(blockIdx.x) / masks.blocks_across * kRows;
  const int word = across * kWarps + warp;
  if (word >= masks.words) return;
  const int x = word * kThreads + lane;
  const bool inside = x < masks.width;
  const int last = min(first + kRows, masks.height);
  for (int m = static_cast<int>(blockIdx.y); m < masks.count; m += static_cast<int>(gridDim.y)) {
    const float* plane = logits + static_cast<gpu::Index>(planes[m]) * masks.side * masks.side;
    std::uint32_t* out = bits + static_cast<gpu::Index>(m) * masks.height * masks.words + word;
    Column column(plane, steps, min(x, masks.width - 1));
    for (int y = first; y < last; ++y) {
      const unsigned above = __ballot_sync(~0U, inside && column.value(y) > masks.limit);
      if (lane == 0) out[static_cast<gpu::Index>(y) * masks.words] = above;
    }
  }
}

Steps steps_of(const MaskProblem& p) {
  const auto axis = [](int in, int out, int begin) {
    return Axis{in, static_cast<float>(in) / static_cast<float>(out), begin};
  };
  if (p.probabilities) return {{}, {}, axis(p.side, p.width, 0), axis(p.side, p.height, 0)};
  return {axis(p.side, p.image_size, p.offset_x), axis(p.side, p.image_size, p.offset_y),
          axis(p.resized_width, p.width, 0), axis(p.resized_height, p.height, 0)};
}

void run(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<MaskProblem>&>(state).problem;
  const auto* logits = static_cast<const float*>(args.inputs[0]);
  const auto* planes = static_cast<const std::int32_t*>(args.inputs[1]);
  auto* bits = static_cast<std::uint32_t*>(args.outputs[0]);
  const auto words = static_cast<int>(mask_words(p.width));
  const int across = (words + kWarps - 1) / kWarps;
  const int down = (p.height + kRows - 1) / kRows;
  const dim3 grid(static_cast<unsigned>(across) * static_cast<unsigned>(down),
                  gpu::blocks_for(p.count, 1));
  const Masks masks{p.count, p.side, p.width, p.height, words, across, p.limit};
  gpu::launch("mask_bits", p.probabilities ? mask_bits<Probabilities> : mask_bits<ThroughModel>,
              grid, kWarps * kThreads, 0, args, logits, planes, bits, steps_of(p), masks);
}

}  // namespace

const std::vector<Kernel<MaskProblem>>& mask_cuda_kernels() {
  static const std::vector<Kernel<MaskProblem>> list{{"columns", Needs::gpu(), always<MaskProblem>,
                                                      nullptr, create_problem_state<MaskProblem>,
                                                      run}};
  return list;
}

}  // namespace lasso::kernels
