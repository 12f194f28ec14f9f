// The layers of MaskUpscaling for one thread and a few pixels, in each of the ways to multiply.
//
// A transposed convolution whose stride is its kernel is a product: each pixel by the weights of
// all taps, tap after tap.
#ifndef LASSO_KERNELS_UPSCALING_UPSCALING_LAYERS_H_
#define LASSO_KERNELS_UPSCALING_UPSCALING_LAYERS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "backend/target_info.h"
#include "core/convert.h"
#include "kernels/cpu/bf16_arithmetic.h"
#include "kernels/cpu/block_product.h"
#include "kernels/cpu/constant.h"
#include "kernels/cpu/tile_sequence.h"
#include "kernels/upscaling/upscaling.h"

namespace lasso::kernels::upscaling {

// W [channels, filters, stride, stride] as rows (tap, filter) of channels, and the bias for each.
struct Taps {
  Taps(const TensorView& weights, const TensorView& bias, std::int64_t channels,
       std::int64_t filters, std::int64_t area)
      : w(read_f32(weights)), channels(channels), filters(filters), area(area) {
    biases.resize(static_cast<std::size_t>(area * filters));
    read_bias({weights, bias}, filters, biases.data());
    for (std::int64_t i = filters; i < area * filters; ++i) {
      biases[static_cast<std::size_t>(i)] = biases[static_cast<std::size_t>(i - filters)];
    }
  }
  float operator()(std::int64_t row, std::int64_t channel) const {
    return w[static_cast<std::size_t>((channel * filters + row % filters) * area + row / filters)];
  }

  std::vector<float> w;
  std::vector<float> biases;
  std::int64_t channels, filters, area;
};

// One of the convolutions for a thread: rows [count, depth] to [count, columns].
struct Layer {
  std::int64_t columns = 0;
  std::int64_t depth = 0;
  std::int64_t most_rows = 0;
  graph::Activation activation = graph::Activation::kNone;
};

// `pixels` go through all steps together.
inline Layer first_layer(const MaskUpscalingProblem& p, std::int64_t pixels) {
  return {p.area() * p.middle, p.channels, pixels, graph::Activation::kNone};
}
inline Layer second_layer(const MaskUpscalingProblem& p, std::int64_t pixels) {
  return {p.area() * p.filters, p.middle, pixels * p.area(), p.second};
}

// In float32.
template <CpuFeature kFeature>
struct FloatLayers {
  static constexpr DType kWeights = DType::kF32;
  static constexpr std::int64_t kPixels = 24;  // two tiles
  struct Scope {};
  static constexpr std::string_view kLayout = kernels::kPanelLayout;
  static std::size_t packed_bytes(const Layer& l) {
    return static_cast<std::size_t>(block::packed_floats(l.columns, l.depth) + kPanel) *
           sizeof(float);
  }
  static std::int64_t scratch_floats(const Layer& /*l*/) { return 0; }
  static double rate(const TargetInfo& target) { return target.rate(fp32_multiply_add(kFeature)); }
  static void pack(const Layer& l, const Taps& taps, std::byte* packed) {
    std::fill_n(packed, packed_bytes(l), std::byte{0});
    pack_panels(l.columns, l.depth, taps, taps.biases.data(), reinterpret_cast<float*>(packed));
  }
  static void run(const Layer& l, const float* x, std::int64_t count, const std::byte* packed,
                  float* y, float* /*scratch*/) {
    const auto* weights = reinterpret_cast<const float*>(packed);
    block::multiply(product_isa(kFeature), {.rows = count,
                                            .columns = l.columns,
                                            .depth = l.depth,
                                            .a = {x, l.depth},
                                            .weights = block::packed_panels(weights, l.depth),
                                            .bias = block::packed_bias(weights, l.columns, l.depth),
                                            .y = {y, l.columns},
                                            .activation = l.activation});
  }
};

// With factors rounded to bfloat16.
template <CpuFeature kFeature>
struct Bf16Layers {
  static constexpr DType kWeights = DType::kBF16;
  static constexpr std::int64_t kPixels = 24;  // two tiles
  struct Scope {};
  static constexpr std::string_view kLayout = bf16::kPanelLayout;
  static std::size_t packed_bytes(const Layer& l) { return bf16::packed_bytes(l.columns, l.depth); }
  static bf16::Product product(const Layer& l, std::int64_t rows, const std::byte* packed) {
    return {
        .rows = rows, .n = l.columns, .k = l.depth, .packed = packed, .activation = l.activation};
  }
  static const bf16::Arithmetic& arithmetic() { return bf16::arithmetic_of(kFeature); }
  static std::int64_t rounded_floats(const Layer& l) { return (l.most_rows * l.depth + 1) / 2; }
  static std::int64_t scratch_floats(const Layer& l) {
    const std::size_t bytes = arithmetic().scratch_bytes(product(l, l.most_rows, nullptr));
    return (rounded_floats(l) + 15) / 16 * 16 +
           static_cast<std::int64_t>(bytes / sizeof(float) + 1);
  }
  static double rate(const TargetInfo& target) {
    return target.rate(arithmetic().widened == nullptr ? MultiplyAdd::kBf16Avx512
                                                       : fp32_multiply_add(kFeature));
  }
  static void pack(const Layer& l, const Taps& taps, std::byte* packed) {
    bf16::pack_panels(l.columns, l.depth, taps, taps.biases.data(), packed);
  }
  static void run(const Layer& l, const float* x, std::int64_t count, const std::byte* packed,
                  float* y, float* scratch) {
    auto* rounded = reinterpret_cast<std::uint16_t*>(scratch);
    arithmetic().round(x, count * l.depth, rounded);
    bf16::run_range(
        arithmetic(), product(l, count, packed), {0, count, 0, bf16::panel_count(l.columns)},
        reinterpret_cast<std::byte*>(scratch + (rounded_floats(l) + 15) / 16 * 16),
        [&](std::int64_t row, int /*rows*/, std::uint16_t* /*memory*/) {
          return rounded + row * l.depth;
        },
        [&](std::int64_t /*w*/, std::int64_t row) {
          return bf16::ProductRow{y + row * l.columns, nullptr};
        });
  }
};

// The same on tiles (cpu/tile_product.h), with the same packed weights.
template <const TileIsa& kIsa>
struct TileLayers {
  static constexpr DType kWeights = DType::kBF16;
  static constexpr std::int64_t kPixels = 2 * kTileRows;
  struct Scope {
    TileScope tiles{kIsa};
  };
  static constexpr std::string_view kLayout = bf16::kPanelLayout;
  static std::size_t packed_bytes(const Layer& l) { return bf16::packed_bytes(l.columns, l.depth); }
  static std::int64_t steps(const Layer& l) { return tile_steps(l.depth * 2); }
  static std::int64_t x_bytes(const Layer& l) {
    return row_tiles(l.most_rows) * steps(l) * kTileBytes;
  }
  static std::int64_t scratch_floats(const Layer& l) {
    const std::int64_t bytes = x_bytes(l) + TileSequence::bytes(row_tiles(l.most_rows));
    return (bytes + 3) / 4;
  }
  // Whole tiles are computed, at half of the unit's peak.
  static double rate(const TargetInfo& target) { return target.rate(MultiplyAdd::kBf16Amx) / 2; }
  static void pack(const Layer& l, const Taps& taps, std::byte* packed) {
    bf16::pack_panels(l.columns, l.depth, taps, taps.biases.data(), packed);
  }
  static void run(const Layer& l, const float* x, std::int64_t count, const std::byte* packed,
                  float* y, float* scratch) {
    auto* memory = reinterpret_cast<std::byte*>(scratch);
    TileSequence sequence(kIsa, row_tiles(l.most_rows), memory + x_bytes(l));
    kIsa.pack_rounded({x, l.depth * 4, count, l.depth, steps(l), memory});
    for (std::int64_t row = 0; row < count; row += kTileRows) {
      sequence.rows()[row / kTileRows] = {
          memory + row / kTileRows * steps(l) * kTileBytes, row, 0,
          static_cast<int>(std::min<std::int64_t>(count - row, kTileRows))};
    }
    const std::int64_t panels = bf16::panel_count(l.columns);
    const TilePanels weights{packed, l.columns, bf16::panel_size(l.depth) * 2 / kTilePanelRow};
    const std::byte* bias = packed + bf16::panel_elements(l.columns, l.depth) * 2;
    for (std::int64_t panel = 0; panel < panels; ++panel) {
      TileBlock block;
      block.row_stride = kTileRowBytes;
      block.step_stride = kTileBytes;
      block.piece_steps = steps(l);
      weights.place(panel, (panel + 1) % panels, block);
      block.first = bias + panel * kTilePanelRow;
      ProductResults results;
      results.columns = weights.columns(panel);
      results.y = y + panel * kTilePanel;
      results.y_stride = l.columns;
      results.activation = l.activation;
      sequence.multiply(block, row_tiles(count), results);
    }
    sequence.finish();
  }
};

}  // namespace lasso::kernels::upscaling

#endif  // LASSO_KERNELS_UPSCALING_UPSCALING_LAYERS_H_
