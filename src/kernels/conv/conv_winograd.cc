// Convolutions of 3 x 3 by Winograd's F(4 x 4, 3 x 3): 36 products of a tile's channels in place of
// 144 for its 16 pixels. Filters are transformed when they are packed; the image and the sums in
// blocks of tiles that stay in the second cache.
//
// Per pixel of the result, with C channels and N filters: 2.25 C N multiplications in place of
// 9 C N, and about 11 C + 20 N further instructions on vectors for the transforms and activations.
// Numbers up to 100 times as large as the image's are added up and cancel each other, so that
// results have some five times the rounding errors of a product's.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "kernels/conv/conv.h"
#include "kernels/conv/winograd_isa.h"
#include "kernels/cpu/constant.h"
#include "kernels/cpu/product.h"

namespace lasso::kernels {

namespace {

constexpr std::int64_t kTile = kWinogradResult;
// Positions of a block lie this much further apart than its size, so that they do not share sets of
// the caches.
constexpr std::int64_t kSkew = 16;

std::int64_t tile_rows(const Conv2dProblem& p) { return (p.out_h() + kTile - 1) / kTile; }
std::int64_t tile_columns(const Conv2dProblem& p) { return (p.out_w() + kTile - 1) / kTile; }
std::int64_t tile_count(const Conv2dProblem& p) { return p.batch * tile_rows(p) * tile_columns(p); }

// Of a position's weights in one panel, which are those of a product without a bias.
std::int64_t position_floats(const Conv2dProblem& p) {
  return static_cast<std::int64_t>(panel_bytes(kPanel, p.channels) / sizeof(float));
}

// Tiles of a block: the weights, which pass through the caches once for each block, are read about
// as much as the block's own numbers.
std::int64_t block_tiles(const Conv2dProblem& p) {
  constexpr std::int64_t kLeast = 24;
  constexpr std::int64_t kMost = 96;
  const std::int64_t even = p.channels * p.filters / (2 * (p.channels + p.filters));
  const std::int64_t tiles = std::clamp(even, kLeast, kMost) / kMaxTileRows * kMaxTileRows;
  return std::max<std::int64_t>(1, std::min(tiles, tile_count(p)));
}

// What a thread works with, in floats: the transformed image of a block, and its sums in one panel.
struct Workspace {
  std::int64_t image_step = 0;
  std::int64_t sum_step = 0;

  explicit Workspace(const Conv2dProblem& p)
      : image_step(block_tiles(p) * p.channels + kSkew),
        sum_step(block_tiles(p) * kPanel + kSkew) {}
  std::int64_t floats() const {
    const std::int64_t all = kWinogradPositions * (image_step + sum_step);
    return (all + kSkew - 1) / kSkew * kSkew;
  }
};

// Weights in bfloat16 are rounded to it before they are transformed, in float32: they take twice
// 36/9 times the memory of their own type, which they are worth where they are few beside the
// image.
constexpr std::int64_t kMostBf16Bytes = std::int64_t{10} << 20;

// Weights that no second cache holds pass by once for each block of tiles; in the time of a byte a
// core with AVX2 does about six operations.
constexpr double kByteCost = 6;

std::size_t streamed_bytes(const Conv2dProblem& p, std::size_t packed_bytes) {
  constexpr std::size_t kHeld = std::size_t{4} << 20;
  if (packed_bytes <= kHeld) return 0;
  return packed_bytes *
         static_cast<std::size_t>((tile_count(p) + block_tiles(p) - 1) / block_tiles(p));
}

template <CpuFeature kFeature>
Offer offer(const Conv2dProblem& p, const TargetInfo& target) {
  const bool bf16 = p.weights == DType::kBF16;
  if (p.weights != DType::kF32 && !bf16) {
    return Offer::no("weights other than float32 and bfloat16");
  }
  if (bf16 && p.input != DType::kBF16) return Offer::no("bfloat16 weights of a float32 image");
  if (p.output != DType::kF32 && p.output != DType::kBF16) {
    return Offer::no("a result other than float32 and bfloat16");
  }
  if (p.kernel_h != 3 || p.kernel_w != 3) return Offer::no("windows other than 3x3");
  if (p.stride != 1 || p.dilation != 1) return Offer::no("strides, or windows with gaps");
  if (p.groups != 1) return Offer::no("groups of channels");
  if (p.channels == 0) return Offer::no("no channels to sum over");
  Offer offer;
  const std::int64_t panels = panel_count(p.filters);
  offer.packed_bytes =
      static_cast<std::size_t>(panels * kPanel + panels * kWinogradPositions * position_floats(p)) *
      sizeof(float);
  if (bf16 && offer.packed_bytes > kMostBf16Bytes) return Offer::no("bfloat16 weights over 10 MB");
  offer.packed_layout = std::string(bf16 ? "winograd 4x4 of bf16: b" : "winograd 4x4: b") +
                        " [n/64, 64], [n/64, 36] of " + std::string(kPanelLayout);
  offer.workspace_bytes =
      static_cast<std::size_t>(Workspace(p).floats() * target.threads) * sizeof(float);
  const auto tiles = static_cast<double>(tile_count(p));
  const auto channels = static_cast<double>(p.channels);
  const auto filters = static_cast<double>(p.filters);
  const double product = 2.0 * kWinogradPositions * 1.15 * channels * filters;
  offer.cost = tiles * (product + 360 * channels + 680 * filters) /
                   target.rate(fp32_multiply_add(kFeature)) +
               kByteCost * static_cast<double>(streamed_bytes(p, offer.packed_bytes));
  return offer;
}

// G w G^T for the 3 x 3 numbers of a filter's channel.
std::array<double, kWinogradPositions> transformed_filter(const float* w) {
  constexpr double kG[kWinogradImage][3] = {{1.0 / 4, 0, 0},
                                            {-1.0 / 6, -1.0 / 6, -1.0 / 6},
                                            {-1.0 / 6, 1.0 / 6, -1.0 / 6},
                                            {1.0 / 24, 1.0 / 12, 1.0 / 6},
                                            {1.0 / 24, -1.0 / 12, 1.0 / 6},
                                            {0, 0, 1}};
  double rows[kWinogradImage][3] = {};
  for (int i = 0; i < kWinogradImage; ++i) {
    for (int v = 0; v < 3; ++v) {
      for (int u = 0; u < 3; ++u) rows[i][v] += kG[i][u] * static_cast<double>(w[3 * u + v]);
    }
  }
  std::array<double, kWinogradPositions> result = {};
  auto next = result.begin();
  for (const auto& row : rows) {
    for (const auto& column : kG) {
      for (int v = 0; v < 3; ++v) *next += row[v] * column[v];
      ++next;
    }
  }
  return result;
}

void pack(const Conv2dProblem& p, const std::vector<TensorView>& constants, std::byte* packed) {
  std::vector<float> w = read_f32(constants.at(0));
  if (p.weights == DType::kBF16) {
    for (float& value : w) value = rounded_to_half(DType::kBF16, value);
  }
  const std::int64_t panels = panel_count(p.filters);
  auto* bias = reinterpret_cast<float*>(packed);
  float* weights = bias + panels * kPanel;
  std::fill_n(bias, panels * kPanel + panels * kWinogradPositions * position_floats(p), 0.0F);
  std::vector<float> numbers(static_cast<std::size_t>(p.filters));
  read_bias(constants, p.filters, numbers.data());
  std::copy(numbers.begin(), numbers.end(), bias);
  for (std::int64_t n = 0; n < p.filters; ++n) {
    float* panel = weights + n / kPanel * kWinogradPositions * position_floats(p) + n % kPanel;
    for (std::int64_t c = 0; c < p.channels; ++c) {
      const auto transformed = transformed_filter(w.data() + (n * p.channels + c) * 9);
      for (std::int64_t i = 0; i < kWinogradPositions; ++i) {
        panel[i * position_floats(p) + c * kPanel] =
            static_cast<float>(transformed[static_cast<std::size_t>(i)]);
      }
    }
  }
}

class State final : public KernelState {
 public:
  explicit State(const Conv2dProblem& p)
      : problem(p), zeros(static_cast<std::size_t>(p.channels), 0.0F) {}
  Conv2dProblem problem;
  std::vector<float> zeros;
};

std::unique_ptr<KernelState> create(const Conv2dProblem& p, const TargetInfo& /*target*/,
                                    const Offer& /*offer*/) {
  return std::make_unique<State>(p);
}

// What one thread makes: tiles [begin, end) of panels [panel_begin, panel_end).
template <CpuFeature kFeature>
class Worker {
 public:
  Worker(const State& state, const KernelArgs& args, float* workspace)
      : state_(state),
        p_(state.problem),
        x_(static_cast<const std::byte*>(args.inputs[0])),
        y_(static_cast<std::byte*>(args.outputs[0])),
        x_size_(static_cast<std::int64_t>(size_of(p_.input))),
        y_size_(static_cast<std::int64_t>(size_of(p_.output))),
        bias_(reinterpret_cast<const float*>(args.packed)),
        weights_(bias_ + panel_count(p_.filters) * kPanel),
        steps_(p_),
        image_(workspace),
        sums_(workspace + kWinogradPositions * steps_.image_step) {}

  void run(std::int64_t begin, std::int64_t end, std::int64_t panel_begin,
           std::int64_t panel_end) const {
    const std::int64_t block = block_tiles(p_);
    for (std::int64_t first = begin; first < end; first += block) {
      const std::int64_t count = std::min(block, end - first);
      for (std::int64_t i = 0; i < count; ++i) transform_image(first + i, i);
      for (std::int64_t panel = panel_begin; panel < panel_end; ++panel) {
        multiply(count, panel);
        for (std::int64_t i = 0; i < count; ++i) transform_result(first + i, i, panel);
      }
    }
  }

 private:
  struct Place {
    std::int64_t image, row, column;  // of the result
  };
  Place place(std::int64_t tile) const {
    const std::int64_t columns = tile_columns(p_);
    const std::int64_t row = tile / columns;
    return {row / tile_rows(p_), row % tile_rows(p_) * kTile, tile % columns * kTile};
  }

  void transform_image(std::int64_t tile, std::int64_t in_block) const {
    const Place at = place(tile);
    const auto* zeros = reinterpret_cast<const std::byte*>(state_.zeros.data());
    WinogradImageTile t;
    t.bf16 = p_.input == DType::kBF16;
    for (std::int64_t i = 0; i < kWinogradImage; ++i) {
      for (std::int64_t j = 0; j < kWinogradImage; ++j) {
        const std::int64_t row = at.row + i - p_.padding.top;
        const std::int64_t column = at.column + j - p_.padding.left;
        const bool inside = row >= 0 && row < p_.height && column >= 0 && column < p_.width;
        const std::int64_t pixel = (at.image * p_.height + row) * p_.width + column;
        t.pixels[i * kWinogradImage + j] = inside ? x_ + pixel * p_.channels * x_size_ : zeros;
      }
    }
    t.channels = p_.channels;
    t.v = image_ + in_block * p_.channels;
    t.step = steps_.image_step;
    if constexpr (kFeature == CpuFeature::kAvx512) {
      winograd_image_avx512(t);
    } else {
      winograd_image_avx2(t);
    }
  }

  // The 36 products of `count` tiles by a panel.
  void multiply(std::int64_t count, std::int64_t panel) const {
    Product product;
    product.rows = count;
    product.n = std::min(kPanel, p_.filters - panel * kPanel);
    product.depth = p_.channels;
    for (std::int64_t position = 0; position < kWinogradPositions; ++position) {
      product.packed = weights_ + (panel * kWinogradPositions + position) * position_floats(p_);
      run_product_range(
          product_isa(kFeature), product, {0, count, 0, 1},
          [&](std::int64_t first, int rows, ProductRows& of_rows) {
            for (int r = 0; r < rows; ++r) {
              of_rows.a[r] = image_ + position * steps_.image_step + (first + r) * p_.channels;
              of_rows.y[r] = sums_ + position * steps_.sum_step + (first + r) * kPanel;
            }
          });
    }
  }

  void transform_result(std::int64_t tile, std::int64_t in_block, std::int64_t panel) const {
    const Place at = place(tile);
    WinogradResultTile t;
    t.m = sums_ + in_block * kPanel;
    t.step = steps_.sum_step;
    t.columns = static_cast<int>(std::min(kPanel, p_.filters - panel * kPanel));
    t.bias = bias_ + panel * kPanel;
    t.activation = p_.activation;
    t.bf16 = p_.output == DType::kBF16;
    for (std::int64_t i = 0; i < std::min(kTile, p_.out_h() - at.row); ++i) {
      for (std::int64_t j = 0; j < std::min(kTile, p_.out_w() - at.column); ++j) {
        const std::int64_t pixel =
            (at.image * p_.out_h() + at.row + i) * p_.out_w() + at.column + j;
        t.y[i * kTile + j] = y_ + (pixel * p_.filters + panel * kPanel) * y_size_;
      }
    }
    if constexpr (kFeature == CpuFeature::kAvx512) {
      winograd_result_avx512(t);
    } else {
      winograd_result_avx2(t);
    }
  }

  const State& state_;
  const Conv2dProblem& p_;
  const std::byte* x_;
  std::byte* y_;
  std::int64_t x_size_, y_size_;
  const float* bias_;
  const float* weights_;
  Workspace steps_;
  float* image_;
  float* sums_;
};

template <CpuFeature kFeature>
void run(const KernelState& state, const KernelArgs& args) {
  const auto& s = static_cast<const State&>(state);
  const Conv2dProblem& p = s.problem;
  const std::int64_t tiles = tile_count(p);
  const std::int64_t panels = panel_count(p.filters);
  const auto run_part = [&](int thread, int threads) {
    auto* workspace = reinterpret_cast<float*>(args.workspace) + thread * Workspace(p).floats();
    const Worker<kFeature> worker(s, args, workspace);
    // Where tiles are few, each thread transforms all of the image and reads a part of the weights.
    if (tiles < 2 * kMaxTileRows * threads && panels >= threads) {
      worker.run(0, tiles, panels * thread / threads, panels * (thread + 1) / threads);
    } else {
      worker.run(tiles * thread / threads, tiles * (thread + 1) / threads, 0, panels);
    }
  };
  constexpr double kSmall = 1e6;  // operations: not worth waking the team
  if (operations(p) <= kSmall) {
    run_part(0, 1);
  } else {
    parallel(run_part);
  }
}

template <CpuFeature kFeature>
constexpr Kernel<Conv2dProblem> kernel() {
  return {
      .name = "winograd",
      .needs = {.features = kFeature},
      .offer = offer<kFeature>,
      .pack = pack,
      .create = create,
      .run = run<kFeature>,
  };
}

}  // namespace

const Kernel<Conv2dProblem> kConv2dWinogradAvx512 = kernel<CpuFeature::kAvx512>();
const Kernel<Conv2dProblem> kConv2dWinogradAvx2 = kernel<CpuFeature::kAvx2>();

}  // namespace lasso::kernels
