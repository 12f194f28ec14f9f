// Conv2d for NVIDIA GPUs: products of the windows by the filters, and plain kernels.
#include "kernels/conv/conv_cuda.h"

#include <algorithm>
#include <limits>

#include "core/aligned_buffer.h"
#include "core/convert.h"
#include "kernels/conv/conv_cuda_kernels.h"
#include "kernels/conv/conv_pixels.h"
#include "kernels/conv/conv_window_filters.h"
#include "kernels/cuda/product.h"

namespace lasso::kernels {

namespace gpu {

std::int64_t window_depth(const Conv2dProblem& p) {
  return p.kernel_h * p.kernel_w * p.group_channels();
}

std::int64_t result_pixels(const Conv2dProblem& p) {
  if (p.out_h() <= 0 || p.out_w() <= 0) return 0;  // the window is larger than the image
  return p.batch * p.out_h() * p.out_w();
}

PackedRows window_filters(const Conv2dProblem& p) {
  return {p.weights, p.filters, window_depth(p), p.filters};
}

void pack_window_filters(const Conv2dProblem& p, const std::vector<TensorView>& constants,
                         std::byte* packed) {
  const std::vector<float> w = read_f32(constants.at(0));
  const std::int64_t area = p.kernel_h * p.kernel_w;
  const std::int64_t channels = p.group_channels();
  const auto element = [&](std::int64_t n, std::int64_t k) {
    return w[static_cast<std::size_t>((n * channels + k % channels) * area + k / channels)];
  };
  window_filters(p).pack(element, bias_of(constants, p.filters), packed);
}

Offer offer_window_filters(const Conv2dProblem& p, const TargetInfo& target) {
  const ProductProblem types{.weights = p.weights, .input = p.input, .output = p.output};
  Offer offer;
  offer.reason = refused_types(types, target);
  if (!offer) return offer;
  offer.packed_bytes = window_filters(p).bytes();
  offer.packed_layout = window_filters(p).layout("windows");
  return offer;
}

}  // namespace gpu

namespace {

using gpu::offer_window_filters;
using gpu::pack_window_filters;
using gpu::result_pixels;
using gpu::window_depth;
using gpu::window_filters;

// Whether the windows are the pixels as they lie.
bool is_product(const Conv2dProblem& p) {
  return p.kernel_h == 1 && p.kernel_w == 1 && p.stride == 1 && p.padding == 0;
}

// Windows are gathered for so many pixels at once that they take at most this much, about what
// stays in a large L2 from their writing to their reading.
constexpr std::int64_t kWindowBytes = std::int64_t{96} << 20;
constexpr std::int64_t kRows = 128;  // of a tile: the parts are multiples of it

// The largest part of the pixels; all parts but the last are as large.
std::int64_t part(const Conv2dProblem& p) {
  const std::int64_t all = result_pixels(p);
  if (is_product(p) || all == 0) return all;
  const std::int64_t bytes = all * window_depth(p) * static_cast<std::int64_t>(size_of(p.weights));
  const std::int64_t parts = (bytes + kWindowBytes - 1) / kWindowBytes;
  const std::int64_t rows = (all + parts - 1) / std::max<std::int64_t>(parts, 1);
  return std::min(all, (rows + kRows - 1) / kRows * kRows);
}

std::size_t window_bytes(const Conv2dProblem& p) {
  if (is_product(p)) return 0;
  constexpr std::size_t kPart = 256;
  return align_up(static_cast<std::size_t>(part(p) * window_depth(p)) * size_of(p.weights), kPart);
}

gpu::ProductProblem product(const Conv2dProblem& p, std::int64_t rows) {
  return {.m = rows,
          .n = p.filters,
          .k = window_depth(p),
          .weights = p.weights,
          .input = is_product(p) ? p.input : p.weights,
          .output = p.output,
          .bias = p.bias,
          .activation = p.activation};
}

Offer offer_cublaslt(const Conv2dProblem& p, const TargetInfo& target) {
  if (p.groups != 1) return Offer::no("groups of channels");
  if (!p.joined.empty()) return Offer::no("several images");
  if (window_depth(p) == 0) return Offer::no("no channels to sum over");
  if (window_depth(p) > std::numeric_limits<std::int32_t>::max() / 2) {
    return Offer::no("a huge window");
  }
  Offer offer = offer_window_filters(p, target);
  if (offer) {
    offer.workspace_bytes =
        window_bytes(p) + gpu::Product::workspace_bytes(product(p, part(p)), target);
  }
  return offer;
}

// A row is a tap: W [kernel_h, kernel_w, channels].
gpu::PackedRows channel_filters(const Conv2dProblem& p) {
  return {p.weights, p.kernel_h * p.kernel_w, p.channels, p.channels};
}

Offer offer_depthwise(const Conv2dProblem& p, const TargetInfo& target) {
  if (p.groups != p.channels || p.filters != p.channels) {
    return Offer::no("no group and filter for each channel");
  }
  Offer offer = offer_window_filters(p, target);
  if (!offer) return offer;
  offer.packed_bytes = channel_filters(p).bytes();
  offer.packed_layout = channel_filters(p).layout("channels");
  return offer;
}

void pack_depthwise(const Conv2dProblem& p, const std::vector<TensorView>& constants,
                    std::byte* packed) {
  const std::vector<float> w = read_f32(constants.at(0));
  const std::int64_t area = p.kernel_h * p.kernel_w;
  const auto element = [&](std::int64_t tap, std::int64_t c) {
    return w[static_cast<std::size_t>(c * area + tap)];
  };
  channel_filters(p).pack(element, gpu::bias_of(constants, p.channels), packed);
}

void run_depthwise(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<Conv2dProblem>&>(state).problem;
  if (result_pixels(p) == 0) return;
  gpu::run_depthwise(p, args, args.packed, channel_filters(p).bias(args.packed));
}

class ProductState : public KernelState {
 public:
  ProductState(const Conv2dProblem& problem, const TargetInfo& target, const std::string& tuning)
      : problem(problem),
        product(kernels::product(problem, result_pixels(problem)), part(problem), target, tuning) {}
  std::string implementation() const override { return product.implementation(); }

  Conv2dProblem problem;
  gpu::PartedProduct product;
};

std::unique_ptr<KernelState> create(const Conv2dProblem& p, const TargetInfo& target,
                                    const Offer& offer) {
  return std::make_unique<ProductState>(p, target, offer.tuning);
}

std::vector<std::string> tunings(const Conv2dProblem& p, const TargetInfo& target) {
  return gpu::Product::tunings(product(p, part(p)), target);
}

void run_cublaslt(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const ProductState&>(state);
  const Conv2dProblem& p = s.problem;
  gpu::Operands o;
  o.w = args.packed;
  o.bias = window_filters(p).bias(args.packed);
  o.half_bias = window_filters(p).half_bias(args.packed);
  o.workspace = args.workspace + window_bytes(p);
  const auto row = p.filters * static_cast<std::int64_t>(size_of(p.output));
  s.product.each([&](const gpu::Product& product, std::int64_t begin, std::int64_t count) {
    if (is_product(p)) {
      o.x = args.inputs[0];
    } else {
      gpu::gather_windows(p, args, args.inputs[0], begin, count, args.workspace);
      o.x = args.workspace;
    }
    o.y = static_cast<std::byte*>(args.outputs[0]) + begin * row;
    product.run(args, o);
  });
}

Offer offer_tile(const Conv2dProblem& p, const TargetInfo& target) {
  if (!p.joined.empty()) return Offer::no("several images");
  return offer_window_filters(p, target);
}

// Images of few channels: sizes stay below 2^31, and places beside an image far from it.
Offer offer_pixels(const Conv2dProblem& p, const TargetInfo& target) {
  constexpr std::int64_t kMost = std::int64_t{1} << 28;
  constexpr std::int64_t kMostFilters = 256;  // which shared memory holds
  if (!is_half(p.weights)) return Offer::no("numbers of more than 16 bits");
  if (p.groups != 1) return Offer::no("groups of channels");
  if (p.activation == graph::Activation::kGelu) return Offer::no("GELU");
  const std::int64_t depth = window_depth(p);
  if (depth == 0 || p.height * p.width == 0) return Offer::no("nothing to sum up");
  if (depth > gpu::kMostPixelDepth) return Offer::no("windows of more than 64 numbers");
  if (p.filters % 8 != 0 || p.filters > kMostFilters) {
    return Offer::no("filters that are no multiple of 8 up to 256");
  }
  const std::int64_t places =
      std::max({(p.height + p.padding.top + p.padding.bottom) * (p.dilation.h + p.stride.h),
                (p.width + p.padding.left + p.padding.right) * (p.dilation.w + p.stride.w),
                (p.height + (p.kernel_h - 1) * p.dilation.h) * p.width * p.channels});
  if (result_pixels(p) > kMost || places > kMost) return Offer::no("a huge image");
  return offer_tile(p, target);
}

void run_pixels(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const ProblemState<Conv2dProblem>&>(state);
  if (result_pixels(s.problem) == 0) return;
  gpu::run_conv_pixels(s.problem, args, args.packed, window_filters(s.problem).bias(args.packed),
                       s.target.multiprocessors);
}

void run_tile(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<Conv2dProblem>&>(state).problem;
  if (result_pixels(p) == 0) return;
  gpu::run_conv_tile(p, args, args.packed, window_filters(p).bias(args.packed));
}

}  // namespace

const std::vector<Kernel<Conv2dProblem>>& conv2d_cuda_kernels() {
  static const std::vector<Kernel<Conv2dProblem>> list{
      conv2d_wgmma_kernel(),
      {"pixels", Needs::gpu(80), offer_pixels, pack_window_filters,
       create_problem_state<Conv2dProblem>, run_pixels},
      {"depthwise", Needs::gpu(), offer_depthwise, pack_depthwise,
       create_problem_state<Conv2dProblem>, run_depthwise},
      {"cublaslt", Needs::gpu(), offer_cublaslt, pack_window_filters, create, run_cublaslt,
       tunings},
      {"tile", Needs::gpu(), offer_tile, pack_window_filters, create_problem_state<Conv2dProblem>,
       run_tile}};
  return list;
}

}  // namespace lasso::kernels
