// The row of convolutions by warp groups of sm_90a: which problems it takes, and by which tile.
#include "kernels/conv/conv_wgmma.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "kernels/conv/conv_cuda.h"
#include "kernels/conv/conv_window_filters.h"
#include "kernels/cuda/tensor_map.h"

namespace lasso::kernels {

namespace {

using gpu::ConvTile;
using gpu::kConvTiles;

// The channels of each image.
std::span<const std::int64_t> image_channels(const Conv2dProblem& p) {
  return p.joined.empty() ? std::span(&p.channels, 1) : std::span(p.joined);
}

bool have_whole_steps(const Conv2dProblem& p, std::int64_t step) {
  return std::all_of(p.joined.begin(), p.joined.end(),
                     [&](std::int64_t channels) { return channels % step == 0; });
}

// Channels of a step.
int step_channels(const Conv2dProblem& p) {
  return p.channels <= 32 || !have_whole_steps(p, 64) ? 32 : 64;
}

std::int64_t steps_of_tap(const Conv2dProblem& p) {
  return (p.channels + step_channels(p) - 1) / step_channels(p);
}

int tile_count(const Conv2dProblem& p) {
  return step_channels(p) == 32 ? gpu::kNarrowTiles : gpu::kConvTileCount;
}

std::int64_t blocks_of(const ConvTile& tile, const Conv2dProblem& p) {
  const std::int64_t rows = (gpu::result_pixels(p) + tile.rows - 1) / tile.rows;
  return rows * ((p.filters + tile.columns - 1) / tile.columns) * tile.splitting;
}

// About how many clocks a tile takes for the problem: what its multiprocessor with the most blocks
// multiplies, or copies at 64 bytes a clock, and the last block's results. (YOLOv7's layers, chosen
// by this, take 2 % longer than with the fastest tile of each, for 1 and for 16 images.)
double clocks(const ConvTile& tile, const Conv2dProblem& p, int multiprocessors) {
  const std::int64_t blocks = blocks_of(tile, p);
  const std::int64_t most = (blocks + multiprocessors - 1) / multiprocessors;  // of one
  const auto turns = static_cast<double>(most);
  const double area = tile.rows * tile.columns;
  const auto steps = static_cast<double>(p.kernel_h * p.kernel_w * steps_of_tap(p));
  const double step = std::max(area / 32, 2.0 * (tile.rows + tile.columns));
  return turns * (steps / tile.splitting * step + 0.15 * area);
}

int fastest_tile(const Conv2dProblem& p, int multiprocessors) {
  int best = 0;
  for (int i = 1; i < tile_count(p); ++i) {
    if (clocks(kConvTiles[i], p, multiprocessors) < clocks(kConvTiles[best], p, multiprocessors)) {
      best = i;
    }
  }
  return best;
}

std::string name_of(const ConvTile& tile) {
  return fmt::format("{}.{}.{}", tile.rows, tile.columns, tile.splitting);
}

// One of the windows' axes, as copies count: where the first window begins beside the first pixel,
// and the last one beside the last pixel.
struct Corners {
  std::int64_t lower, upper;
  // What a tensor map has room for.
  bool fit() const {
    return std::min(lower, upper) >= std::numeric_limits<std::int8_t>::min() &&
           std::max(lower, upper) <= std::numeric_limits<std::int8_t>::max();
  }
};
Corners corners(std::int64_t result, std::int64_t stride, std::int64_t padding, std::int64_t size) {
  return {-padding, (result - 1) * stride - padding - (size - 1)};
}
Corners rows_of(const Conv2dProblem& p) {
  return corners(p.out_h(), p.stride.h, p.padding.top, p.height);
}
Corners columns_of(const Conv2dProblem& p) {
  return corners(p.out_w(), p.stride.w, p.padding.left, p.width);
}

bool has_activation(graph::Activation activation) { return activation != graph::Activation::kGelu; }

// Whether numbers of pixels, steps and filters stay far from 2^31, and places within what a tensor
// map has room for.
const char* refused_sizes(const Conv2dProblem& p) {
  constexpr std::int64_t kMost = std::int64_t{1} << 30;
  const bool is_empty = p.height * p.width * p.channels == 0;  // what a tensor map can't be of
  if (gpu::result_pixels(p) == 0 || is_empty || p.filters == 0) return "nothing to sum up";
  if (gpu::result_pixels(p) > kMost || p.filters > kMost || gpu::window_depth(p) > kMost ||
      p.height * p.width * p.channels > kMost) {
    return "a huge image or window";
  }
  constexpr std::int64_t kMostStride = 8;
  constexpr std::int64_t kMostOffset = 255;
  if (std::max(p.stride.h, p.stride.w) > kMostStride) return "a stride of more than 8";
  if (std::max((p.kernel_h - 1) * p.dilation.h, (p.kernel_w - 1) * p.dilation.w) > kMostOffset ||
      !rows_of(p).fit() || !columns_of(p).fit()) {
    return "a window or padding of more than 128 pixels";
  }
  return nullptr;
}

Offer offer(const Conv2dProblem& p, const TargetInfo& target) {
  if (!target.warp_groups) return Offer::no("no products of warp groups");
  if (!is_half(p.weights) || p.input != p.weights) return Offer::no("numbers of more than 16 bits");
  if (p.groups != 1) return Offer::no("groups of channels");
  if (p.channels % 8 != 0) return Offer::no("channels that are no multiple of 8");
  if (!has_activation(p.activation)) return Offer::no("GELU");
  if (p.joined.size() > gpu::kMostImages) return Offer::no("more than 8 images");
  if (!have_whole_steps(p, 32)) return Offer::no("images whose channels are no multiples of 32");
  if (const char* reason = refused_sizes(p); reason != nullptr) return Offer::no(reason);
  return gpu::offer_window_filters(p, target);
}

class ConvState : public KernelState {
 public:
  ConvState(const Conv2dProblem& problem, const TargetInfo& target, const std::string& tuning)
      : problem(problem),
        multiprocessors(target.multiprocessors),
        tile(fastest_tile(problem, multiprocessors)) {
    for (int i = 0; i < tile_count(problem); ++i) {
      if (name_of(kConvTiles[i]) == tuning) tile = i;
    }
  }
  std::string implementation() const override { return "tile " + name_of(kConvTiles[tile]); }

  Conv2dProblem problem;
  int multiprocessors;
  int tile;
};

std::unique_ptr<KernelState> create(const Conv2dProblem& p, const TargetInfo& target,
                                    const Offer& offer) {
  return std::make_unique<ConvState>(p, target, offer.tuning);
}

// All but the row's own choice, and none that takes twice as long by its clocks.
std::vector<std::string> tunings(const Conv2dProblem& p, const TargetInfo& target) {
  const int own = fastest_tile(p, target.multiprocessors);
  const double least = clocks(kConvTiles[own], p, target.multiprocessors);
  std::vector<std::string> texts;
  for (int i = 0; i < tile_count(p); ++i) {
    const bool is_slow = clocks(kConvTiles[i], p, target.multiprocessors) > 2 * least;
    if (i != own && !is_slow) texts.push_back(name_of(kConvTiles[i]));
  }
  return texts;
}

gpu::ConvParameters parameters(const ConvState& s, const KernelArgs& args) {
  const Conv2dProblem& p = s.problem;
  const ConvTile& tile = kConvTiles[s.tile];
  const int channels = step_channels(p);
  const auto narrow = [](std::int64_t x) { return static_cast<int>(x); };
  const Corners rows = rows_of(p);
  const Corners columns = columns_of(p);
  gpu::ConvParameters q = {};
  static_cast<gpu::ConvResult&>(q) =
      gpu::conv_result(p, args, gpu::window_filters(p).bias(args.packed));
  static_cast<gpu::ConvWindows&>(q) = gpu::conv_windows(p);
  const std::span<const std::int64_t> images = image_channels(p);
  for (std::size_t i = 0; i < images.size(); ++i) {
    const std::size_t input = i == 0 ? 0 : graph::Conv2d::kFirstJoined + i - 1;
    q.x[i] = gpu::map_windows(p.input, args.inputs[input],
                              {.batch = p.batch,
                               .height = p.height,
                               .width = p.width,
                               .channels = images[i],
                               .lower = {narrow(columns.lower), narrow(rows.lower)},
                               .upper = {narrow(columns.upper), narrow(rows.upper)},
                               .stride = {narrow(p.stride.w), narrow(p.stride.h)},
                               .channels_of_box = channels,
                               .pixels = tile.rows});
    q.image_steps[i] = narrow((images[i] + channels - 1) / channels);
  }
  q.w = gpu::map_boxes(p.weights, args.packed, {p.channels, p.kernel_h * p.kernel_w, p.filters},
                       {channels, 1, tile.columns});
  q.out_h = narrow(p.out_h());
  q.out_w = narrow(p.out_w());
  q.steps_of_tap = narrow(steps_of_tap(p));
  q.steps = narrow(p.kernel_h * p.kernel_w * steps_of_tap(p));
  return q;
}

void run(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const ConvState&>(state);
  const auto run_type =
      s.problem.weights == DType::kF16 ? gpu::run_conv_wgmma_fp16 : gpu::run_conv_wgmma_bf16;
  run_type(parameters(s, args), args, s.tile, step_channels(s.problem), s.multiprocessors);
}

}  // namespace

const Kernel<Conv2dProblem>& conv2d_wgmma_kernel() {
  static const Kernel<Conv2dProblem> kernel{
      "wgmma", Needs::gpu(90), offer, gpu::pack_window_filters, create, run, tunings};
  return kernel;
}

}  // namespace lasso::kernels
