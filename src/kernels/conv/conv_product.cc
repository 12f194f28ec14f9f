// Convolutions as products (cpu/product.h) that read the image where it lies: output pixels are
// the rows of A, and a row's pieces are what the window covers. No patches are copied.
#include <algorithm>
#include <numeric>
#include <span>
#include <vector>

#include "kernels/conv/conv.h"
#include "kernels/conv/conv_filters.h"
#include "kernels/cpu/product.h"

namespace lasso::kernels {

namespace {

// A window that never leaves the image covers, in each of its rows, kernel_w * channels numbers
// that lie together: one piece. With padding, dilation or groups of channels each of its pixels is
// a piece, and pixels outside are a row of zeros. Of a pixel of several images, the pieces are as
// long as the number that divides the channels of all.
struct Pieces {
  int count = 0;
  std::int64_t depth = 0;
};

bool has_whole_rows(const Conv2dProblem& p) {
  return p.padding == 0 && p.dilation == 1 && p.groups == 1;
}

Pieces pieces_of(const Conv2dProblem& p) {
  if (!p.joined.empty()) {
    std::int64_t depth = 0;
    for (const std::int64_t channels : p.joined) depth = std::gcd(depth, channels);
    const std::int64_t count = depth == 0 ? kMaxSegments + 1 : p.channels / depth;
    return {.count = static_cast<int>(std::min<std::int64_t>(count, kMaxSegments + 1)),
            .depth = depth};
  }
  if (has_whole_rows(p)) {
    return {.count = static_cast<int>(std::min<std::int64_t>(p.kernel_h, kMaxSegments + 1)),
            .depth = p.kernel_w * p.channels};
  }
  return {
      .count = static_cast<int>(std::min<std::int64_t>(p.kernel_h * p.kernel_w, kMaxSegments + 1)),
      .depth = p.group_channels()};
}

class State final : public KernelState {
 public:
  explicit State(const Conv2dProblem& p)
      : problem(p),
        pieces(pieces_of(p)),
        zeros(static_cast<std::size_t>(p.padding == 0 ? 0 : p.group_channels()), 0.0F) {}
  Conv2dProblem problem;
  Pieces pieces;
  std::vector<float> zeros;
};

// Of the packed weights of one group.
std::size_t product_bytes(const Conv2dProblem& p) {
  return panel_bytes(p.group_filters(), p.kernel_h * p.kernel_w * p.group_channels());
}

// Results of another type are computed for so many pixels at once, and then rounded.
constexpr std::int64_t kRounded = 60;

// For each thread.
std::int64_t rounded_floats(const Conv2dProblem& p) {
  constexpr std::int64_t kLine = 16;
  if (p.output == DType::kF32) return 0;
  return (kRounded * p.filters + kLine - 1) / kLine * kLine;
}

template <CpuFeature kFeature>
Offer offer(const Conv2dProblem& p, const TargetInfo& target) {
  if (p.weights != DType::kF32) return Offer::no("weights other than float32");
  if (p.output == DType::kF16) return Offer::no("a result in float16");
  if (p.output != DType::kF32 && p.groups > 1) return Offer::no("a rounded result of groups");
  if (p.groups > 1 && p.group_filters() == 1 && p.group_channels() == 1) {
    return Offer::no("a filter for each channel");
  }
  if (pieces_of(p).count > kMaxSegments) return Offer::no("the window has too many rows");
  Offer offer;
  offer.packed_bytes = static_cast<std::size_t>(p.groups) * product_bytes(p);
  offer.packed_layout = (p.groups > 1 ? "groups of k = (kh, kw, c): " : "k = (kh, kw, c): ") +
                        std::string(kPanelLayout);
  offer.workspace_bytes =
      static_cast<std::size_t>(rounded_floats(p) * target.threads) * sizeof(float);
  offer.cost = operations(p) / target.rate(fp32_multiply_add(kFeature));
  return offer;
}

void pack(const Conv2dProblem& p, const std::vector<TensorView>& constants, std::byte* packed) {
  pack_filters(p, constants,
               [&](std::int64_t group, std::int64_t n, std::int64_t k, const auto& element,
                   const float* bias) {
                 std::byte* product = packed + static_cast<std::size_t>(group) * product_bytes(p);
                 pack_panels(n, k, element, bias, reinterpret_cast<float*>(product));
               });
}

// Where the pieces of a pixel of several images begin, `stride` apart in `a`.
void locate_joined(const State& s, std::span<const void* const> inputs, std::int64_t pixel,
                   const float** a, int stride) {
  for (std::size_t i = 0; i < s.problem.joined.size(); ++i) {
    const std::int64_t channels = s.problem.joined[i];
    const auto* x =
        static_cast<const float*>(inputs[i == 0 ? 0 : graph::Conv2d::kFirstJoined + i - 1]);
    for (std::int64_t c = 0; c < channels; c += s.pieces.depth, a += stride) {
      *a = x + pixel * channels + c;
    }
  }
}

// Where the pieces of output pixel (b, top, left) begin, `stride` apart in `a`; x begins at the
// group's channels.
void locate_pieces(const State& s, const float* x, std::int64_t b, std::int64_t top,
                   std::int64_t left, const float** a, int stride) {
  const Conv2dProblem& p = s.problem;
  const float* image = x + b * p.height * p.width * p.channels;
  if (has_whole_rows(p)) {
    for (std::int64_t u = 0; u < p.kernel_h; ++u) {
      a[u * stride] = image + ((top + u) * p.width + left) * p.channels;
    }
    return;
  }
  for (std::int64_t u = 0; u < p.kernel_h; ++u) {
    for (std::int64_t v = 0; v < p.kernel_w; ++v) {
      const std::int64_t row = top + u * p.dilation.h;
      const std::int64_t column = left + v * p.dilation.w;
      const bool inside = row >= 0 && row < p.height && column >= 0 && column < p.width;
      a[(u * p.kernel_w + v) * stride] =
          inside ? image + (row * p.width + column) * p.channels : s.zeros.data();
    }
  }
}

// Writes where `count` pixels of the result from `first` on read, of one group, whose channels are
// x.
void locate_pixels(const State& s, const KernelArgs& args, const float* x, std::int64_t first,
                   int count, ProductRows& rows) {
  const Conv2dProblem& p = s.problem;
  const std::int64_t out_h = p.out_h();
  const std::int64_t out_w = p.out_w();
  for (int r = 0; r < count; ++r) {
    const std::int64_t pixel = first + r;
    const std::int64_t image = pixel / (out_h * out_w);
    const std::int64_t top = p.top(pixel / out_w % out_h);
    const std::int64_t left = p.left(pixel % out_w);
    if (p.joined.empty()) {
      locate_pieces(s, x, image, top, left, rows.a + r, count);
    } else {
      locate_joined(s, args.inputs, (image * p.height + top) * p.width + left, rows.a + r, count);
    }
  }
}

// Pixels [begin, end) in the type of the result, by way of `sums`.
void run_rounded(const State& s, const KernelArgs& args, const ProductIsa& isa,
                 const Product& product, std::int64_t begin, std::int64_t end, float* sums) {
  const Conv2dProblem& p = s.problem;
  const auto* x = static_cast<const float*>(args.inputs[0]);
  for (std::int64_t first = begin; first < end; first += kRounded) {
    const std::int64_t last = std::min(first + kRounded, end);
    run_product_range(isa, product, {first, last, 0, panel_count(p.filters)},
                      [&](std::int64_t pixel, int count, ProductRows& rows) {
                        locate_pixels(s, args, x, pixel, count, rows);
                        for (int r = 0; r < count; ++r) {
                          rows.y[r] = sums + (pixel + r - first) * p.filters;
                        }
                      });
    const std::int64_t count = (last - first) * p.filters;
    if (p.output == DType::kBF16) {
      isa.round(sums, count, static_cast<std::uint16_t*>(args.outputs[0]) + first * p.filters);
    } else {
      isa.quantize(sums, count, 1.0F / p.output_scheme.scale,
                   static_cast<int>(p.output_scheme.zero),
                   static_cast<std::uint8_t*>(args.outputs[0]) + first * p.filters);
    }
  }
}

template <CpuFeature kFeature>
void run(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const State&>(state);
  const Conv2dProblem& p = s.problem;
  const ProductIsa& isa = product_isa(kFeature);
  Product product{.rows = p.batch * p.out_h() * p.out_w(),
                  .n = p.group_filters(),
                  .segments = s.pieces.count,
                  .depth = s.pieces.depth,
                  .packed = nullptr,
                  .residual = false,
                  .activation = p.activation};
  const auto run_group = [&](std::int64_t group, int thread, int threads) {
    Product of_group = product;
    of_group.packed = reinterpret_cast<const float*>(args.packed + static_cast<std::size_t>(group) *
                                                                       product_bytes(p));
    if (p.output != DType::kF32) {
      run_rounded(s, args, isa, of_group, product.rows * thread / threads,
                  product.rows * (thread + 1) / threads,
                  reinterpret_cast<float*>(args.workspace) + thread * rounded_floats(p));
      return;
    }
    const float* channels = static_cast<const float*>(args.inputs[0]) + group * p.group_channels();
    float* filters = static_cast<float*>(args.outputs[0]) + group * p.group_filters();
    run_product_range(isa, of_group, product_range(of_group, thread, threads),
                      [&](std::int64_t first, int count, ProductRows& rows) {
                        locate_pixels(s, args, channels, first, count, rows);
                        for (int r = 0; r < count; ++r) {
                          rows.y[r] = filters + (first + r) * p.filters;
                        }
                      });
  };
  const auto run_groups = [&](int thread, int threads) {
    for (std::int64_t group = 0; group < p.groups; ++group) run_group(group, thread, threads);
  };
  product.n = p.filters;
  const bool is_large = product_is_large(product);
  product.n = p.group_filters();
  if (is_large) {
    parallel(run_groups);
  } else {
    run_groups(0, 1);
  }
}

std::unique_ptr<KernelState> create(const Conv2dProblem& p, const TargetInfo& /*target*/,
                                    const Offer& /*offer*/) {
  return std::make_unique<State>(p);
}

// Of the packed weights of one kernel row (conv_filters.h).
std::int64_t product_floats(const ConvTranspose2dProblem& p) {
  return static_cast<std::int64_t>(panel_bytes(p.stride * p.filters, p.channels) / sizeof(float));
}

template <CpuFeature kFeature>
Offer offer_transpose(const ConvTranspose2dProblem& p, const TargetInfo& target) {
  if (p.weights != DType::kF32) return Offer::no("weights other than float32");
  Offer offer;
  offer.packed_bytes = static_cast<std::size_t>(p.stride * product_floats(p)) * sizeof(float);
  offer.packed_layout = "kernel rows of [kw*n, c]: " + std::string(kPanelLayout);
  offer.cost = operations(p) / target.rate(fp32_multiply_add(kFeature));
  return offer;
}

void pack_transpose(const ConvTranspose2dProblem& p, const std::vector<TensorView>& constants,
                    std::byte* packed) {
  pack_kernel_rows(
      p, constants,
      [&](std::int64_t u, std::int64_t n, std::int64_t k, const auto& element, const float* bias) {
        pack_panels(n, k, element, bias, reinterpret_cast<float*>(packed) + u * product_floats(p));
      });
}

template <CpuFeature kFeature>
void run_transpose(const KernelState& state, const KernelArgs& args) {
  const auto& p = static_cast<const ProblemState<ConvTranspose2dProblem>&>(state).problem;
  const auto* x = static_cast<const float*>(args.inputs[0]);
  auto* y = static_cast<float*>(args.outputs[0]);
  const std::int64_t columns = p.stride * p.filters;  // that one pixel of x gives in one row of y
  const auto run_kernel_row = [&](std::int64_t u, int thread, int threads) {
    const Product product{
        .rows = p.batch * p.height * p.width,
        .n = columns,
        .segments = 1,
        .depth = p.channels,
        .packed = reinterpret_cast<const float*>(args.packed) + u * product_floats(p),
        .residual = false,
        .activation = p.activation};
    run_product_range(product_isa(kFeature), product, product_range(product, thread, threads),
                      [&](std::int64_t first, int count, ProductRows& rows) {
                        for (int r = 0; r < count; ++r) {
                          const std::int64_t row = (first + r) / p.width;  // of all images
                          const std::int64_t column = (first + r) % p.width;
                          rows.a[r] = x + (first + r) * p.channels;
                          rows.y[r] = y + ((row * p.stride + u) * p.width + column) * columns;
                        }
                      });
  };
  parallel([&](int thread, int threads) {
    for (std::int64_t u = 0; u < p.stride; ++u) run_kernel_row(u, thread, threads);
  });
}

template <CpuFeature kFeature>
constexpr Kernel<Conv2dProblem> conv_kernel() {
  return {
      .name = "product",
      .needs = {.features = kFeature},
      .offer = offer<kFeature>,
      .pack = pack,
      .create = create,
      .run = run<kFeature>,
  };
}

template <CpuFeature kFeature>
constexpr Kernel<ConvTranspose2dProblem> transpose_kernel() {
  return {
      .name = "product",
      .needs = {.features = kFeature},
      .offer = offer_transpose<kFeature>,
      .pack = pack_transpose,
      .create = create_problem_state<ConvTranspose2dProblem>,
      .run = run_transpose<kFeature>,
  };
}

}  // namespace

const Kernel<Conv2dProblem> kConv2dProductAvx512 = conv_kernel<CpuFeature::kAvx512>();
const Kernel<Conv2dProblem> kConv2dProductAvx2 = conv_kernel<CpuFeature::kAvx2>();
const Kernel<ConvTranspose2dProblem> kConvTranspose2dProductAvx512 =
    transpose_kernel<CpuFeature::kAvx512>();
const Kernel<ConvTranspose2dProblem> kConvTranspose2dProductAvx2 =
    transpose_kernel<CpuFeature::kAvx2>();

}  // namespace lasso::kernels
